import { createRequire } from "node:module";

/** The checker of both files; 56 ms to load cold, measured on two cores with Node 20. */
export type Zod = typeof import("zod/mini");

// Loaded at the first file that is checked, so that commands which check none do not pay for it. `require` and not
// `import()`: checking is synchronous, and loading the package as CommonJS takes some 10 ms less.
const require = createRequire(import.meta.url);

export function loadZod(): Zod {
  const zod = require("zod/mini") as Zod;
  // Without this zod compiles each schema with `new Function`: slower for a schema that is used once, and no code should be
  // made from data in a process that reads a tenant's file.
  zod.config({ jitless: true });
  return zod;
}
