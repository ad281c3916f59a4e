import { copyFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";
import { type BuildContext, ensureEntry } from "./cache.js";
import { buildDebianRoot, type RootRecipe } from "./debian_root.js";
import { buildInitrd, ensureKernels } from "./kernels.js";
import { readLabSource } from "./lab_sources.js";
import { runProgram } from "./program.js";

/** Debian's kernel source with what compiles it. */
const KERNEL_BUILD: RootRecipe = {
  suite: "trixie",
  variant: "apt",
  packages: ["linux-source", "gcc", "make", "flex", "bison", "bc", "libelf-dev", "libssl-dev", "xz-utils"],
};
/** Six minutes on two cores; three times that when others want them too. */
const COMPILE_TIMEOUT_MS = 1_200_000;

/** A kernel and the initrd that goes with it. */
export interface BootFiles {
  readonly kernel: string;
  readonly initrd: string;
}

/**
 * A kernel with CONFIG_SCHED_CORE, compiled from Debian's source when the cache lacks it: no kernel that Debian ships has it.
 * Throws HostError "lab-mirror-unreachable" and the others of buildDebianRoot(), or "lab-kernel" when an option of the
 * configuration did not take.
 */
export async function ensureCoreKernel(context: BuildContext): Promise<BootFiles> {
  const [config, init] = await Promise.all([readLabSource("core_scheduling.config"), readLabSource("initrd_init.sh")]);
  const directory = await ensureEntry(
    {
      name: "core-scheduling-kernel",
      inputs: { recipe: KERNEL_BUILD, config: config.toString("utf8"), init: init.toString("utf8"), layout: 1 },
      build: async (building, buildContext) => {
        const root = await buildDebianRoot(building, KERNEL_BUILD, buildContext);
        await compileKernel(root, config, buildContext);
        await copyFile(join(root, "kernel/arch/x86/boot/bzImage"), join(building, "vmlinuz"));
        await rm(root, { recursive: true });
        const recipe = { init, release: "", modules: [], layout: "ordered" } as const;
        await writeFile(join(building, "initrd.img"), await buildInitrd(await ensureKernels(buildContext), recipe));
      },
    },
    context,
  );
  return { kernel: join(directory, "vmlinuz"), initrd: join(directory, "initrd.img") };
}

async function compileKernel(root: string, config: Buffer, context: BuildContext): Promise<void> {
  const archive = (await readdir(join(root, "usr/src"))).find((name) => /^linux-source-[\d.]+\.tar\.xz$/.test(name));
  if (archive === undefined) throw kernelFailure("the package linux-source holds no archive");
  await writeFile(join(root, "core_scheduling.config"), config);
  const inRoot = async (command: string): Promise<string> => {
    const args = [
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      `--mount-proc=${root}/proc`,
      "chroot",
      root,
      "sh",
      "-ec",
      command,
    ];
    return (await runProgram({ program: "unshare", args, timeoutMs: COMPILE_TIMEOUT_MS, signal: context.signal })).stdout;
  };
  context.progress("core-scheduling-kernel: unpacking");
  await inRoot(`mkdir kernel && tar -x -f usr/src/${archive} -C kernel --strip-components=1`);
  await inRoot("make -C kernel KCONFIG_ALLCONFIG=/core_scheduling.config allnoconfig");
  // An option whose dependencies are missing is dropped by kconfig without a word.
  const dropped = await inRoot(
    'grep ^CONFIG_ core_scheduling.config | while read -r line; do grep -qxF "$line" kernel/.config || echo "$line"; done',
  );
  if (dropped !== "") throw kernelFailure(`these options did not take: ${dropped.trim().split("\n").join(" ")}`);
  context.progress("core-scheduling-kernel: compiling, some six minutes on two cores");
  await inRoot('make -C kernel -j "$(nproc)" bzImage');
}

function kernelFailure(answer: string): HostError {
  return new HostError({
    code: "lab-kernel",
    tried: "Cannot build the lab's core-scheduling kernel",
    subject: "linux-source",
    answer,
  });
}
