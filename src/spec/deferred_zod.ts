import { createRequire } from "node:module";

/** The checker of both files; 5 ms to load, 56 ms as the package's own files, measured on two cores with Node 20. */
export type Zod = typeof import("./zod_parts.js");

// Loaded at the first file that is checked, so that commands which check none do not pay for it. `require` and not
// `import()`: checking is synchronous.
const require = createRequire(import.meta.url);

export function loadZod(): Zod {
  const zod = require("../../packages/zod.cjs") as Zod;
  // Without this zod compiles each schema with `new Function`: slower for a schema that is used once, and no code should be
  // made from data in a process that reads a tenant's file.
  zod.config({ jitless: true });
  return zod;
}
