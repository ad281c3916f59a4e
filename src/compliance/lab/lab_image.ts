import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BuildContext, ensureEntry } from "./cache.js";
import type { BootFiles } from "./core_kernel.js";
import { buildDebianRoot } from "./debian_root.js";
import { addLostAndFound, makeDiskImage } from "./disk_image.js";
import { QEMU_GENERATIONS } from "./generation.js";
import { guestKit, guestKitEntry } from "./guest_kit.js";
import { runDepmod } from "./kernel_modules.js";
import { buildInitrd, ensureKernels, type Kernels } from "./kernels.js";
import { installPolicyModule } from "./lab_policy.js";
import { readLabSource, readPolicyModule } from "./lab_sources.js";
import { checkLabels, labelMountPoint, labelTree } from "./labels.js";
import { KERNELS, LAB_ROOT } from "./package_lists.js";
import { runProgram } from "./program.js";
import { qemuRoot, qemuRootDirectory } from "./qemu_root.js";

/** What boots: the disk is only ever opened through a throw-away overlay. */
export interface LabImage extends BootFiles {
  readonly disk: string;
}

/** Where the project lies in the lab. */
export const LAB_PROJECT_DIRECTORY = "/opt/bulkhead";
/** The cache's default place: the lab finds QEMU roots and guest kit under the same names as the host does. */
const LAB_CACHE_DIRECTORY = "var/cache/bulkhead/lab";

/** Directory tree of the lab's root, before kernels and everything of ours; its setfiles and policy label all images. */
export async function ensureLabRoot(context: BuildContext): Promise<string> {
  const directory = await ensureEntry(
    {
      name: "lab-root",
      inputs: { recipe: LAB_ROOT, layout: 1 },
      build: async (building, buildContext) => void (await buildDebianRoot(building, LAB_ROOT, buildContext)),
    },
    context,
  );
  return join(directory, "root");
}

/**
 * The lab's disk, kernel and initrd, built first when the cache lacks them, with the roots of all QEMU generations and the guest
 * kit inside. Throws HostError "lab-mirror-unreachable" and the others of buildDebianRoot(), or "lab-unlabelled".
 */
export async function ensureLabImage(context: BuildContext): Promise<LabImage> {
  const [init, runJob, initrdInit, ours, widened, guestEntry] = await Promise.all([
    readLabSource("init.sh"),
    readLabSource("run_job.sh"),
    readLabSource("initrd_init.sh"),
    readPolicyModule(),
    readLabSource("widened.cil"),
    guestKitEntry(),
  ]);
  const directory = await ensureEntry(
    {
      name: "lab",
      inputs: {
        recipes: [LAB_ROOT, KERNELS],
        programs: [init, runJob, initrdInit, ours, widened].map((text) => text.toString("utf8")),
        roots: QEMU_GENERATIONS.map(qemuRootDirectory).map((path) => path.split("/").at(-1)),
        guestKit: guestEntry.inputs,
        layout: 4,
      },
      build: (building, buildContext) =>
        buildLabImage(building, { init, runJob, initrdInit, modules: { ours, widened } }, buildContext),
    },
    context,
  );
  return {
    disk: join(directory, "disk.img"),
    kernel: join(directory, "vmlinuz"),
    initrd: join(directory, "initrd.img"),
  };
}

interface LabPrograms {
  readonly init: Buffer;
  readonly runJob: Buffer;
  readonly initrdInit: Buffer;
  readonly modules: { readonly ours: Buffer; readonly widened: Buffer };
}

async function buildLabImage(directory: string, programs: LabPrograms, context: BuildContext): Promise<void> {
  // The largest download beside the small ones: each half keeps one core busy.
  const [labRoot, { kernels, cached }] = await Promise.all([ensureLabRoot(context), ensureParts(context)]);
  const tree = join(directory, "tree");
  await copyTree(labRoot, tree, context);
  await installKernelModules(kernels, tree, context);
  await mkdir(join(tree, LAB_CACHE_DIRECTORY), { recursive: true });
  const copies = cached.map((path) => ({ from: path, to: join(tree, LAB_CACHE_DIRECTORY, path.split("/").at(-1) ?? "") }));
  for (const { from, to } of copies) await copyTree(from, to, context);
  await installInit(tree, programs);
  context.progress("lab: compiling policies");
  await installPolicyModule(tree, programs.modules, context);
  await addLostAndFound(tree);
  context.progress("lab: labelling every file");
  await labelEverything(
    tree,
    labRoot,
    copies.map(({ to }) => join(to, "root")),
  );
  context.progress("lab: writing the disk");
  await makeDiskImage(join(directory, "disk.img"), tree, context.signal);
  await rm(tree, { recursive: true });
  const recipe = { init: programs.initrdInit, release: kernels.labRelease, modules: ["virtio_blk"], layout: "ordered" } as const;
  await writeFile(join(directory, "initrd.img"), await buildInitrd(kernels, recipe));
  await copyFile(join(kernels.root, "boot", `vmlinuz-${kernels.labRelease}`), join(directory, "vmlinuz"));
}

/** Kernels, QEMU roots and guest kit, one after the other; `cached` are the directories that the lab gets a copy of. */
async function ensureParts(context: BuildContext): Promise<{ kernels: Kernels; cached: string[] }> {
  const kernels = await ensureKernels(context);
  const kit = await guestKit(context);
  const roots: string[] = [];
  for (const generation of QEMU_GENERATIONS) roots.push(dirname((await qemuRoot(generation, context)).root));
  return { kernels, cached: [...roots, dirname(kit.kernel)] };
}

async function installKernelModules(kernels: Kernels, tree: string, context: BuildContext): Promise<void> {
  const modules = join("usr/lib/modules", kernels.labRelease);
  await mkdir(join(tree, "usr/lib/modules"), { recursive: true });
  await copyTree(join(kernels.root, modules), join(tree, modules), context);
  await runDepmod(tree, kernels.labRelease);
}

async function installInit(tree: string, programs: LabPrograms): Promise<void> {
  const directory = join(tree, "usr/lib/bulkhead-lab");
  await mkdir(directory);
  for (const [name, text] of [
    ["init", programs.init],
    ["run_job", programs.runJob],
  ] as const) {
    await writeFile(join(directory, name), text);
    await chmod(join(directory, name), 0o755);
  }
  await mkdir(join(tree, LAB_PROJECT_DIRECTORY, "node_modules"), { recursive: true });
  // Enforcing is switched on by init, after labels that only the running kernel can have were set.
  await writeFile(join(tree, "etc/selinux/config"), "SELINUX=permissive\nSELINUXTYPE=default\n");
}

/** A QEMU root is labelled as the root that it is: its QEMU gets the label that the distribution's policy gives to QEMU. */
async function labelEverything(tree: string, labRoot: string, candidates: readonly string[]): Promise<void> {
  await labelTree({ directory: tree, labRoot });
  for (const root of candidates.filter((path) => path.includes("/qemu-"))) await labelTree({ directory: root, labRoot });
  await labelMountPoint(labRoot, join(tree, "proc"));
  await checkLabels({ directory: tree, labRoot });
}

/** `cp -a`: owners, times, links, devices; attributes too. */
async function copyTree(from: string, to: string, context: BuildContext): Promise<void> {
  const args = ["-a", "--reflink=auto", "--no-target-directory", from, to];
  await runProgram({ program: "cp", args, timeoutMs: 120_000, signal: context.signal });
}
