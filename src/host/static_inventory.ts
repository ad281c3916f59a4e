import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { HostError } from "../errors/index.js";
import { type InventoryFile, type ProgramInventory, signatureOf } from "./program_inventory.js";

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
  const { target, version } = program;
  const file = readProgramFile(program);
  return { program: target, sysroot: "/", version, files: [file], links: [], sha256: hashRoot([file], []) };
}

/**
 * An installation in which another program stands at the program's path, with its mode; all else is as it was. Throws HostError
 * "program-file-missing".
 */
export function substituteProgram(inventory: ProgramInventory, source: string): ProgramInventory {
  const program = readProgramFile({ source, target: inventory.program });
  const files = inventory.files.map((file) => (file.target === inventory.program ? program : file));
  return { ...inventory, files, sha256: hashRoot(files, inventory.links) };
}

/** As takeInventory() names a root. */
function hashRoot(files: ProgramInventory["files"], links: ProgramInventory["links"]): string {
  const content = JSON.stringify([files.map(({ target, mode, sha256 }) => [target, mode, sha256]), links]);
  return createHash("sha256").update(content).digest("hex");
}

function readProgramFile({ source, target }: Omit<StaticProgram, "version">): InventoryFile {
  try {
    const facts = statSync(source, { bigint: true });
    const sha256 = createHash("sha256").update(readFileSync(source)).digest("hex");
    return { target, source, mode: PROGRAM_MODE, sizeBytes: Number(facts.size), sha256, signature: signatureOf(facts) };
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
