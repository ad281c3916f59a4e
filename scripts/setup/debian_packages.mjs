import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { run, SetupError, say } from "./run.mjs";

/** Every Debian package that building, running and testing needs, with its reason. The only place that lists them. */
export const DEBIAN_PACKAGES = {
  "qemu-system-x86": "the VMM and the device processes",
  "qemu-utils": "qemu-img, with which tests make qcow2 images",
  seabios: "firmware of the guests",
  libseccomp2: "the filter compiler whose output is compared and proved",
  libselinux1: "contexts of files and processes",
  libsepol2: "decisions of a compiled SELinux policy",
  secilc: "compiles the SELinux module, with which tests ask it offline",
  "g++": "compiles the native addon (C++20)",
  make: "drives node-gyp's builds",
  python3: "node-gyp runs on it",
  binutils: "as, ld and objcopy for the demo's boot program",
  iproute2: "makes and inspects tap interfaces",
  bubblewrap: "the peer that benchmarks compare with",
  strace: "shows in tests which system calls a process makes",
  mmdebstrap: "builds the roots of the lab",
  e2fsprogs: "makes the disk images of the lab without mounting them",
  "man-db": "formats the man pages, and warns of what is wrong with them",
  systemd: "systemd-analyze checks the unit template",
  zsh: "reads its completion",
  "xz-utils": "unpacks kernel modules for the lab's guests",
};

/** What only tests need, and what is too much to ask of everybody who builds; tests say what they miss. */
const TEST_PACKAGES = {
  "chromium-headless-shell": "loads the audit's page, without scripts",
};

/** apt-get, waiting up to two minutes for another apt to end. */
const APT = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"];
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };

/** Installs what is missing when run by root on Debian; anywhere else says what is missing and why it is needed. */
export function installDebianPackages() {
  installPackages(DEBIAN_PACKAGES);
}

/** As the step before, for tests: what cannot be installed is told, and its tests are unmet. */
export function installTestPackages() {
  try {
    installPackages(TEST_PACKAGES);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
  }
}

function installPackages(packages) {
  const missing = findMissingPackages(Object.keys(packages));
  if (missing.length === 0) return;
  if (process.getuid() !== 0 || !existsSync("/usr/bin/apt-get")) {
    const list = missing.map((name) => `  ${name}: ${packages[name]}`).join("\n");
    const remedy = existsSync("/usr/bin/apt-get")
      ? `Run as root: apt-get install --no-install-recommends ${missing.join(" ")}`
      : "Install what your distribution calls them, then make dpkg-query know them or use Debian 12 or later.";
    throw new SetupError(`Cannot go on without these packages:\n${list}\n${remedy}`, { exitCode: 3 });
  }
  say(`installing Debian packages: ${missing.join(" ")}`);
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  const [program, ...options] = APT;
  const first = spawnSync(program, [...options, ...install], { env: { ...process.env, ...APT_ENVIRONMENT }, stdio: "ignore" });
  if (first.status === 0) return;
  // The package lists are absent, as in a fresh container, or older than what the mirror holds.
  run("fetch the Debian package lists", [...APT, "update"], { env: APT_ENVIRONMENT });
  run("install Debian packages", [...APT, ...install], { env: APT_ENVIRONMENT });
}

function findMissingPackages(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation for fields
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], { encoding: "utf8" });
  if (query.error !== undefined) return names;
  const installed = new Set(
    query.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !installed.has(name));
}
