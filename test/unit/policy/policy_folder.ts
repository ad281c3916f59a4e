import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadRolePolicy, type ResolvedPolicy } from "../../../src/policy/index.js";

const LIMITS = "limits: {openFilesMax: 64, threadsMax: 8, overheadMiB: 64, lockedMiB: 0}\n";
/** The role that the tests write. */
const ROLE = "cache";

/** A policy folder of one test's own. */
export class PolicyFolder {
  readonly path = mkdtempSync(join(tmpdir(), "bulkhead-policy-"));

  constructor() {
    for (const name of ["roles", "sets"]) mkdirSync(join(this.path, name));
  }

  write(file: string, content: string | Buffer): void {
    writeFileSync(join(this.path, file), content);
  }

  /** Writes roles/cache.yaml; `rest` starts on its line 4. */
  writeRole(rest: string): void {
    this.write(`roles/${ROLE}.yaml`, `role: ${ROLE}\nsummary: A cache.\n${LIMITS}${rest}`);
  }

  load(role = ROLE): ResolvedPolicy {
    return loadRolePolicy({ folder: this.path, role });
  }

  /** What loading is refused with. */
  refusal(role = ROLE): { readonly code: string; readonly message: string } {
    try {
      this.load(role);
    } catch (error) {
      return error as { code: string; message: string };
    }
    throw new Error("nothing was thrown");
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
