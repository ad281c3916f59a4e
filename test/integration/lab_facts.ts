// Runs inside the lab: writes what the lab is as one JSON object. Read by lab.test.ts.
import { execFile } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { QEMU_GENERATIONS, qemuRoot, recordDenials } from "../../src/compliance/lab/index.js";

const execute = promisify(execFile);
const run = async (program: string, ...args: string[]): Promise<string> =>
  (await execute(program, args, { maxBuffer: 1 << 24 })).stdout.trim();

/** Four times what printk lets through in five seconds before it drops messages: include/linux/ratelimit_types.h, burst 10. */
const DENIALS = 40;
/** Asks for an executable heap, which the policy refuses everybody, over and over. 7 is PROT_READ | PROT_WRITE | PROT_EXEC. */
const PROVOKE = `
import ctypes
libc = ctypes.CDLL(None)
libc.sbrk.restype = ctypes.c_void_p
page = (libc.sbrk(8192) + 4095) & ~4095
for _ in range(${DENIALS}):
    assert libc.mprotect(ctypes.c_void_p(page), 4096, 7) == -1
`;

const { denials } = await recordDenials(() => run("python3", "-c", PROVOKE));
const silence = await recordDenials(() => run("true"));
const versions: Record<string, string> = {};
for (const generation of QEMU_GENERATIONS) {
  versions[generation] = (await qemuRoot(generation, { progress: () => undefined })).version;
}
accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
const results = process.env["LAB_RESULTS"] ?? "";
writeFileSync(join(results, "left.txt"), "left in the lab\n");
process.stderr.write("to stderr\n");
process.stdout.write(
  JSON.stringify({
    enforcing: readFileSync("/sys/fs/selinux/enforce", "utf8"),
    context: await run("id", "-Z"),
    // Every file system that stores labels: the root and the two of the project.
    unlabelled: await run("find", "/", "/opt/bulkhead", "/opt/bulkhead/node_modules", "-xdev", "-context", "*:unlabeled_t:*"),
    rootLabel: await run("stat", "-c", "%C", "/"),
    linkLabels: await run("stat", "-c", "%n %C", "/bin", "/lib64", "/sbin"),
    qemuLabel: await run("stat", "-c", "%C", "/usr/bin/qemu-system-x86_64"),
    controllers: readFileSync("/sys/fs/cgroup/cgroup.subtree_control", "utf8").trim().split(" "),
    siblings: readFileSync("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "utf8").trim(),
    securityModules: readFileSync("/sys/kernel/security/lsm", "utf8").replaceAll("\0", "").split(","),
    node: process.version,
    project: readdirSync("."),
    versions,
    expectedDenials: DENIALS,
    denials: denials.map(({ permissions, objectClass, permissive, comm }) => ({ permissions, objectClass, permissive, comm })),
    silence: silence.denials.length,
  }),
);
process.exitCode = 7;
