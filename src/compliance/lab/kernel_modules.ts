import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { HostError } from "../../errors/index.js";
import { runProgram } from "./program.js";

/** One unpacked kernel module, ready for an initrd. */
export interface KernelModule {
  /** File name without compression: `sym53c8xx.ko`. */
  readonly fileName: string;
  readonly content: Buffer;
}

/** `sd-mod` and `sd_mod` are one module: modprobe(8). */
const canonical = (name: string): string => name.replaceAll("-", "_");
const moduleName = (path: string): string => canonical(basename(path).replace(/\.ko(\.\w+)?$/, ""));

/**
 * Closes `names` over a kernel's dependencies, as `modules.dep` states them: paths beneath the module directory, each after those
 * it depends on. A name that is built into the kernel needs no file. Throws HostError "lab-kernel-module" for an unknown name.
 */
export function resolveModules(names: readonly string[], tables: { readonly dep: string; readonly builtin: string }): string[] {
  const dependencies = new Map<string, string[]>();
  const paths = new Map<string, string>();
  for (const line of tables.dep.split("\n")) {
    const [path, rest] = line.split(":");
    if (path === undefined || rest === undefined) continue;
    paths.set(moduleName(path), path);
    dependencies.set(path, rest.trim() === "" ? [] : rest.trim().split(/\s+/));
  }
  const builtIn = new Set(tables.builtin.split("\n").map(moduleName));
  const ordered = new Set<string>();
  const visit = (path: string): void => {
    if (ordered.has(path)) return;
    for (const needed of dependencies.get(path) ?? []) visit(needed);
    ordered.add(path);
  };
  for (const name of names) {
    const path = paths.get(canonical(name));
    if (path !== undefined) visit(path);
    else if (!builtIn.has(canonical(name))) throw unknownModule(name);
  }
  return [...ordered];
}

/** Reads modules and what they depend on from `root`, an unpacked kernel package of release `release`; `.xz` is undone. */
export async function readModules(root: string, release: string, names: readonly string[]): Promise<KernelModule[]> {
  if (names.length === 0) return [];
  const directory = join(root, "usr/lib/modules", release);
  await runDepmod(root, release);
  const [dep, builtin] = await Promise.all([
    readFile(join(directory, "modules.dep"), "utf8"),
    readFile(join(directory, "modules.builtin"), "utf8"),
  ]);
  const modules: KernelModule[] = [];
  for (const path of resolveModules(names, { dep, builtin })) {
    const content = path.endsWith(".xz") ? await unpackXz(join(directory, path)) : await readFile(join(directory, path));
    modules.push({ fileName: basename(path).replace(/\.xz$/, ""), content });
  }
  return modules;
}

/**
 * Writes the tables of a kernel's modules, with the kmod of `root`. depmod ends with 0 when it could read no module at all: a
 * table of aliases without a PCI device is that case. Throws HostError "lab-kernel-module".
 */
export async function runDepmod(root: string, release: string): Promise<void> {
  const call = { program: "chroot", args: [root, "/usr/sbin/depmod", release], timeoutMs: 120_000 };
  const { stderr } = await runProgram(call);
  const aliases = await readFile(join(root, "usr/lib/modules", release, "modules.alias"), "utf8");
  if (aliases.includes("alias pci:")) return;
  throw new HostError({
    code: "lab-kernel-module",
    tried: `Cannot read the modules of kernel ${release}`,
    subject: root,
    answer: stderr.trim() || "depmod found none that drives a PCI device",
  });
}

async function unpackXz(file: string): Promise<Buffer> {
  return (await runProgram({ program: "xz", args: ["--decompress", "--stdout", file], timeoutMs: 30_000 })).stdoutBytes;
}

function unknownModule(name: string): HostError {
  return new HostError({
    code: "lab-kernel-module",
    tried: `Cannot put the kernel module ${name} into an initrd`,
    subject: name,
    answer: "the kernel has it neither as a file nor built in",
  });
}
