import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { HostError } from "../errors/index.js";
import { type ProgramInventory, signatureOf } from "./program_inventory.js";

/** Executable and unreadable, as every program of a private root: the process stays undumpable after exec. */
const PROGRAM_MODE = 0o111;

export interface StaticProgram {
  /** Path on the host. */
  readonly source: string;
  /** Path in the private root. */
  readonly target: string;
  /** What reports call it, as `image judge of Bulkhead`. */
  readonly version: string;
}

/**
 * The inventory of a program that needs nothing beside itself: no interpreter, no library. Nothing of it is run to know that.
 * Throws HostError "program-file-missing".
 */
export function takeStaticInventory(program: StaticProgram): ProgramInventory {
  const { source, target, version } = program;
  try {
    const facts = statSync(source, { bigint: true });
    const sha256 = createHash("sha256").update(readFileSync(source)).digest("hex");
    const mode = PROGRAM_MODE;
    const file = { target, source, mode, sizeBytes: Number(facts.size), sha256, signature: signatureOf(facts) };
    const content = JSON.stringify([[[target, mode, sha256]], []]);
    const root = createHash("sha256").update(content).digest("hex");
    return { program: target, sysroot: "/", version, files: [file], links: [], sha256: root };
  } catch (cause) {
    throw new HostError({
      code: "program-file-missing",
      tried: `Cannot read the program ${source}`,
      subject: source,
      answer: (cause as NodeJS.ErrnoException).code ?? String(cause),
      remedy: "Run: npm run setup",
      cause,
    });
  }
}
