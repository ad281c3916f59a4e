import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Directories, openDirectories } from "../../../src/state/index.js";

/** State directories of a test's own; the caller removes them. */
export function makeDirectories(): Directories & { readonly base: string; remove(): void } {
  const base = mkdtempSync(join(tmpdir(), "bulkhead-state-"));
  return { ...openDirectories({ BULKHEAD_STATE: base }), base, remove: () => rmSync(base, { recursive: true, force: true }) };
}
