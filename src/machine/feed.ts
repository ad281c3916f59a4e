/** What happens to a VM while it is supervised, for whoever follows it. */
export type FeedItem =
  | { readonly kind: "console"; readonly bytes: Buffer }
  | { readonly kind: "log"; readonly process: string; readonly line: string }
  | { readonly kind: "event"; readonly event: Readonly<Record<string, unknown>> };

/** Passes what happens on to all that follow at that moment; nothing is kept for later ones. */
export class Feed {
  readonly #followers = new Set<(item: FeedItem) => void>();

  publish(item: FeedItem): void {
    for (const follower of this.#followers) follower(item);
  }

  /** The result ends it. */
  follow(follower: (item: FeedItem) => void): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }
}
