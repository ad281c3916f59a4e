/** Something this host has, or the reason why it has not. */
export type Availability = { readonly available: true } | { readonly available: false; readonly why: string };
