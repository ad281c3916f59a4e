import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";
import { type BuildContext, ensureEntry } from "./cache.js";
import { type CpioMember, writeCpio } from "./cpio.js";
import { buildDebianRoot } from "./debian_root.js";
import { type KernelModule, readModules } from "./kernel_modules.js";
import { KERNELS } from "./package_lists.js";

/** Debian's kernels, unpacked, with busybox beside them. */
export interface Kernels {
  readonly root: string;
  /** Release of the kernel that boots the lab: `6.12.107+deb13-cloud-amd64`. */
  readonly labRelease: string;
  /** Release of the general kernel, which guests boot. */
  readonly guestRelease: string;
}

export async function ensureKernels(context: BuildContext): Promise<Kernels> {
  const directory = await ensureEntry(
    {
      name: "kernels",
      inputs: { recipe: KERNELS, layout: 1 },
      build: async (building, buildContext) => void (await buildDebianRoot(building, KERNELS, buildContext)),
    },
    context,
  );
  const root = join(directory, "root");
  const releases = await readdir(join(root, "usr/lib/modules"));
  const labRelease = releases.find((release) => release.includes("cloud"));
  const guestRelease = releases.find((release) => !release.includes("cloud"));
  if (labRelease !== undefined && guestRelease !== undefined) return { root, labRelease, guestRelease };
  throw new HostError({
    code: "lab-kernel",
    tried: "Cannot find the lab's kernels",
    subject: root,
    answer: `it holds ${releases.join(" and ") || "none"}`,
  });
}

/** What an initrd holds besides busybox and the modules with their dependencies. */
export interface InitrdRecipe {
  readonly init: Buffer;
  readonly release: string;
  readonly modules: readonly string[];
  /** `ordered`: one directory and the order to load them in. `by-alias`: the layout in which modprobe looks drivers up. */
  readonly layout: "ordered" | "by-alias";
}

const DIRECTORY = 0o755;
const PROGRAM = 0o755;
const FILE = 0o644;

/** An uncompressed initrd: busybox, the modules and `init`. */
export async function buildInitrd(kernels: Kernels, recipe: InitrdRecipe): Promise<Buffer> {
  const modules = await readModules(kernels.root, recipe.release, recipe.modules);
  const busybox = await readFile(join(kernels.root, "usr/bin/busybox"));
  const directories = ["bin", "proc", "sys", "dev", "root"].map((path) => ({ path, mode: DIRECTORY }));
  return writeCpio([
    ...directories,
    // Before devtmpfs is mounted, the kernel opens this one for init's standard streams. 5:1 is /dev/console: devices.txt.
    { path: "dev/console", mode: 0o600, device: { major: 5, minor: 1 } },
    { path: "bin/busybox", mode: PROGRAM, content: busybox },
    { path: "bin/sh", mode: PROGRAM, linkTarget: "busybox" },
    { path: "init", mode: PROGRAM, content: recipe.init },
    ...(recipe.layout === "ordered" ? layOrdered(modules) : await layByAlias(kernels.root, recipe.release, modules)),
  ]);
}

function layOrdered(modules: readonly KernelModule[]): CpioMember[] {
  const order = modules.map((module) => `${module.fileName}\n`).join("");
  return [
    { path: "modules", mode: DIRECTORY },
    { path: "modules/order", mode: FILE, content: Buffer.from(order) },
    ...modules.map((module) => ({ path: `modules/${module.fileName}`, mode: FILE, content: module.content })),
  ];
}

/** modules.dep and modules.alias cut down to the modules that are there, in one flat directory. */
async function layByAlias(root: string, release: string, modules: readonly KernelModule[]): Promise<CpioMember[]> {
  const tables = join(root, "usr/lib/modules", release);
  const [dep, alias] = await Promise.all([
    readFile(join(tables, "modules.dep"), "utf8"),
    readFile(join(tables, "modules.alias"), "utf8"),
  ]);
  const present = new Set(modules.map((module) => module.fileName));
  const fileOf = (path: string): string => path.replace(/^.*\//, "").replace(/\.xz$/, "");
  const cutDep = dep
    .split("\n")
    .map((line) =>
      line
        .split(/[:\s]+/)
        .filter((word) => word !== "")
        .map(fileOf),
    )
    .filter(([first]) => first !== undefined && present.has(first))
    .map(([first, ...needed]) => `${first}: ${needed.join(" ")}\n`);
  const names = new Set([...present].map((file) => file.replace(/\.ko$/, "").replaceAll("-", "_")));
  const cutAlias = alias.split("\n").filter((line) => names.has(line.split(" ")[2] ?? ""));
  const base = `lib/modules/${release}`;
  return [
    ...["lib", "lib/modules", base].map((path) => ({ path, mode: DIRECTORY })),
    { path: `${base}/modules.dep`, mode: FILE, content: Buffer.from(cutDep.join("")) },
    { path: `${base}/modules.alias`, mode: FILE, content: Buffer.from(`${cutAlias.join("\n")}\n`) },
    ...modules.map((module) => ({ path: `${base}/${module.fileName}`, mode: FILE, content: module.content })),
  ];
}
