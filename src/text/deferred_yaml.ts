import { createRequire } from "node:module";

/** The parser of all our files; 7 ms to load, 29 ms as the package's own files, measured on two cores with Node 20. */
export type Yaml = typeof import("./yaml_parts.js");

// Loaded at the first file that is parsed, so that commands which parse none do not pay for it. `require` and not `import()`:
// parsing is synchronous.
const require = createRequire(import.meta.url);

export function loadYaml(): Yaml {
  return require("../../packages/yaml.cjs") as Yaml;
}
