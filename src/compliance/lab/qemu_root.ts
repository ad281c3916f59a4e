import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";
import { type BuildContext, type CacheEntry, ensureEntry, entryDirectory } from "./cache.js";
import { buildDebianRoot, type RootRecipe } from "./debian_root.js";
import { GENERATION_SUITE, isOfGeneration, type QemuGeneration } from "./generation.js";
import { runProgram } from "./program.js";

/** One generation of QEMU with everything that it needs to run, on the host or in the lab. */
export interface QemuRoot {
  readonly generation: QemuGeneration;
  /** Absolute directory that can serve as the root of a file system: loader, libraries, firmware, QEMU. */
  readonly root: string;
  /** QEMU's path inside `root`. */
  readonly binary: string;
  /** As QEMU says it: `10.0.13`. */
  readonly version: string;
  /** Program and first arguments that run this QEMU outside its root, by its own loader, with the caller's paths. */
  readonly command: readonly string[];
  /** Environment that `command` needs. */
  readonly env: Readonly<Record<string, string>>;
}

/** Path of QEMU inside each root. */
const BINARY = "/usr/bin/qemu-system-x86_64";
/** Where Debian's packages put firmware: QEMU's own, SeaBIOS, iPXE. */
const FIRMWARE = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];
const LIBRARIES = "/usr/lib/x86_64-linux-gnu";

/**
 * The cached root of one QEMU generation, built first when the cache lacks it (about 10 s, 170 to 190 MB).
 * Throws HostError "lab-mirror-unreachable" and the others of buildDebianRoot(), or "lab-wrong-generation" when the suite has
 * moved on to another QEMU.
 */
export async function qemuRoot(generation: QemuGeneration, context: BuildContext): Promise<QemuRoot> {
  const directory = await ensureEntry(qemuEntry(generation), context);
  const version = (await readFile(join(directory, "version"), "utf8")).trim();
  const root = join(directory, "root");
  return { generation, root, binary: BINARY, version, ...hostCommand(root) };
}

/** Where the root of a generation lies in the cache, whether it is built or not. */
export function qemuRootDirectory(generation: QemuGeneration): string {
  return entryDirectory(qemuEntry(generation));
}

function qemuEntry(generation: QemuGeneration): CacheEntry {
  const recipe: RootRecipe = {
    suite: GENERATION_SUITE[generation],
    variant: "extract",
    // The last has the boot code that 7.2 and 10 load for each network card; a recommendation only.
    packages: ["qemu-system-x86", "seabios", "ipxe-qemu"],
  };
  return {
    name: `qemu-${generation}`,
    inputs: { recipe, layout: 1 },
    build: async (directory, context) => {
      const root = await buildDebianRoot(directory, recipe, context);
      const version = await askVersion(root);
      if (!isOfGeneration(version, generation)) throw wordWrongGeneration(generation, version);
      await writeFile(join(directory, "version"), `${version}\n`);
    },
  };
}

/**
 * The loader of the root, by name, with the root's libraries: no chroot, so files keep the caller's paths and nothing needs
 * mounting. QEMU finds its data relative to its executable, which is the loader here, hence -L and the module directory.
 */
function hostCommand(root: string): Pick<QemuRoot, "command" | "env"> {
  const libraries = join(root, LIBRARIES);
  return {
    command: [
      ...[join(libraries, "ld-linux-x86-64.so.2"), "--library-path", libraries, join(root, BINARY)],
      ...FIRMWARE.flatMap((directory) => ["-L", join(root, directory)]),
    ],
    env: { QEMU_MODULE_DIR: join(libraries, "qemu") },
  };
}

async function askVersion(root: string): Promise<string> {
  const [program = "", ...args] = hostCommand(root).command;
  const { stdout } = await runProgram({ program, args: [...args, "--version"], timeoutMs: 30_000 });
  return /version (\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? stdout.trim();
}

function wordWrongGeneration(generation: QemuGeneration, version: string): HostError {
  const suite = GENERATION_SUITE[generation];
  return new HostError({
    code: "lab-wrong-generation",
    tried: `Cannot provide QEMU ${generation}`,
    subject: suite,
    answer: `Debian ${suite} has QEMU ${version} now`,
    remedy: "Name a mirror of an archived snapshot, or let the generation follow the suite.",
  });
}
