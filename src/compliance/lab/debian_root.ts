import { constants } from "node:fs";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";
import type { BuildContext } from "./cache.js";
import { findDebianMirror, MIRROR_VARIABLE } from "./mirror.js";
import { ProgramFailure, runProgram } from "./program.js";

/** What a root is made of; part of its cache key. */
export interface RootRecipe {
  readonly suite: string;
  /** `extract`: packages are unpacked, none of their scripts run. `apt`: a configured system. mmdebstrap(1), VARIANTS. */
  readonly variant: "extract" | "apt";
  readonly packages: readonly string[];
}

/** Longest time a root may take, in ms. On two cores and a near mirror the largest takes a minute and a half. */
const ROOT_TIMEOUT_MS = 900_000;

/**
 * The links of a merged /usr. The extract variant runs no maintainer script, so nothing else makes them; the loader's path
 * /lib64 depends on them.
 */
const MERGE_USR = 'for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d" && ln -s "usr/$d" "$1/$d" || exit 1; done';

/** apt's answers when it reached no usable archive, as opposed to a package that does not exist or fails to unpack. */
const UNREACHABLE = new RegExp(
  [
    "could not (resolve|connect)|unable to connect|connection (failed|timed out)|temporary failure",
    "failed to fetch|does not have a release file|no longer has a release file",
  ].join("|"),
  "i",
);

/**
 * Fills `directory/root` with a Debian root; beside a configured one, `packages.txt` has `name version` a line. Signatures are
 * verified with the host's archive keyring. Needs root: device nodes, owners and labels are made.
 * Throws HostError "lab-mirror-unreachable", "lab-needs-root", "lab-no-mirror" or "lab-program-failed".
 */
export async function buildDebianRoot(directory: string, recipe: RootRecipe, context: BuildContext): Promise<string> {
  requireRoot();
  await requirePrograms();
  const mirror = await findDebianMirror();
  const root = join(directory, "root");
  await mkdir(root);
  const hooks = recipe.variant === "extract" ? ["--setup-hook", MERGE_USR] : [];
  const args = [
    // A PID and a mount namespace of its own: when mmdebstrap is killed, nothing it started or mounted stays.
    ...["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "mmdebstrap"],
    ...["--mode=root", `--variant=${recipe.variant}`, `--include=${recipe.packages.join(",")}`],
    ...(await hostAptOptions()).map((option) => `--aptopt=${option}`),
    '--aptopt=Apt::Install-Recommends "false"',
    '--aptopt=Acquire::http::Timeout "30"',
    ...hooks,
    ...[recipe.suite, root, `deb ${mirror} ${recipe.suite} main`],
  ];
  try {
    await runProgram({ program: "unshare", args, timeoutMs: ROOT_TIMEOUT_MS, signal: context.signal });
  } catch (error) {
    throw isUnreachable(error) ? wordUnreachable(mirror, recipe.suite, error) : error;
  }
  if (recipe.variant === "apt") await writeFile(join(directory, "packages.txt"), await listPackages(root));
  return root;
}

/** `name version` of each package in a root's dpkg database, a line each. */
async function listPackages(root: string): Promise<string> {
  const status = await readFile(join(root, "var/lib/dpkg/status"), "utf8");
  const field = (stanza: string, name: string): string => new RegExp(`^${name}: (.+)$`, "m").exec(stanza)?.[1] ?? "";
  const pairs = status.split("\n\n").filter((stanza) => stanza.includes("Package:"));
  return pairs
    .map((stanza) => `${field(stanza, "Package")} ${field(stanza, "Version")}\n`)
    .sort()
    .join("");
}

/** What this host's administrator set for reaching archives: proxies, and date checks that an archived snapshot cannot pass. */
async function hostAptOptions(): Promise<string[]> {
  const { stdout } = await runProgram({ program: "apt-config", args: ["dump"], timeoutMs: 10_000 });
  return stdout
    .split("\n")
    .map((line) => line.replace(/;$/, ""))
    .filter((line) => /^Acquire::(?:Check-Valid-Until|Check-Date|https?::Proxy) "[^"]+"$/.test(line));
}

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new HostError({
    code: "lab-needs-root",
    tried: "Cannot build the lab",
    subject: "uid",
    answer: "owners, device nodes and SELinux labels can be written by root only",
    remedy: "Run it as root.",
  });
}

/** Each program that builds what is not essential on every Debian, and the package that has it. */
const PROGRAM_PACKAGES = { mmdebstrap: "mmdebstrap", mke2fs: "e2fsprogs", xz: "xz-utils" } as const;

async function requirePrograms(): Promise<void> {
  const directories = (process.env["PATH"] ?? "").split(":");
  for (const [program, debianPackage] of Object.entries(PROGRAM_PACKAGES)) {
    const found = await Promise.allSettled(directories.map((directory) => access(join(directory, program), constants.X_OK)));
    if (found.some(({ status }) => status === "fulfilled")) continue;
    throw new HostError({
      code: "lab-needs-program",
      tried: "Cannot build the lab",
      subject: program,
      answer: `${program} is not installed`,
      remedy: `Run: apt-get install ${debianPackage}`,
    });
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof HostError && error.cause instanceof ProgramFailure && UNREACHABLE.test(error.cause.stderr);
}

function wordUnreachable(mirror: string, suite: string, cause: unknown): HostError {
  const lines = (cause as { cause: ProgramFailure }).cause.stderr.split("\n");
  return new HostError({
    code: "lab-mirror-unreachable",
    tried: `Cannot fetch Debian ${suite} for the lab`,
    subject: mirror,
    answer: lines.find((line) => UNREACHABLE.test(line))?.trim() ?? "the mirror did not answer",
    remedy: `Connect to the mirror, or name another with ${MIRROR_VARIABLE}.`,
    cause,
  });
}
