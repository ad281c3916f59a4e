import * as assert from "uvu/assert";
import { CompiledPolicy } from "../../../src/kernel/index.js";
import { decideAccess } from "../../../src/selinux/index.js";
import { suite } from "../../support/harness.js";
import { type CompiledModule, compileModule } from "../../support/selinux/compile_policy.js";

/** Each compilation takes a tenth of a second. */
const test = suite("the SELinux module, asked offline", { needs: ["secilc"], timeoutMs: 20_000 });

let compiled: CompiledModule;
let policy: CompiledPolicy;
test.before(() => {
  compiled = compileModule();
  assert.ok(compiled.path, compiled.said);
  policy = CompiledPolicy.load(compiled.path as string);
});
test.after(() => compiled.remove());

const process = (role: string, categories: string) => `system_u:system_r:bulkhead_${role}_t:s0:${categories}`;
const object = (type: string, categories: string) => `system_u:object_r:bulkhead_${type}_t:s0:${categories}`;

test("it compiles on a policy without optional parts too", () => {
  assert.match(compiled.said, /^$/);
});

/** What the lab shows of the kernel, and more: `[what, source, target, class, permission, decision, reason]`. */
const DECISIONS = [
  ["a disk reads its own image", process("disk", "c1,c2,c700"), object("image", "c1,c2,c700"), "file", "read", "granted"],
  [
    "a disk reads another disk's image",
    process("disk", "c1,c2,c700"),
    object("image", "c1,c2,c701"),
    "file",
    "read",
    "constraint",
  ],
  ["a disk reads another VM's image", process("disk", "c1,c2,c700"), object("image", "c3,c4,c700"), "file", "read", "constraint"],
  ["a disk opens its own image", process("disk", "c1,c2,c700"), object("image", "c1,c2,c700"), "file", "open", "type-rule"],
  [
    "a net process reads an image at its level",
    process("net", "c1,c2,c700"),
    object("image", "c1,c2,c700"),
    "file",
    "read",
    "type-rule",
  ],
  [
    "a disk writes a shared image",
    process("disk", "c1,c2,c700"),
    "system_u:object_r:bulkhead_shared_image_t:s0",
    "file",
    "write",
    "type-rule",
  ],
  [
    "a disk reads a shared image",
    process("disk", "c1,c2,c700"),
    "system_u:object_r:bulkhead_shared_image_t:s0",
    "file",
    "read",
    "granted",
  ],
  [
    "a disk touches a tap at its level",
    process("disk", "c1,c2,c700"),
    object("tap", "c1,c2,c700"),
    "chr_file",
    "read",
    "type-rule",
  ],
  ["a device maps guest memory of its VM", process("disk", "c1,c2,c700"), object("memory", "c1,c2"), "file", "write", "granted"],
  [
    "a device maps guest memory of another VM",
    process("disk", "c1,c2,c700"),
    object("memory", "c3,c4"),
    "file",
    "write",
    "constraint",
  ],
  [
    "a device speaks on its channel",
    process("net", "c1,c2,c700"),
    object("channel", "c1,c2"),
    "unix_stream_socket",
    "write",
    "granted",
  ],
  [
    "a device speaks on another VM's channel",
    process("net", "c1,c2,c700"),
    object("channel", "c3,c4"),
    "unix_stream_socket",
    "write",
    "constraint",
  ],
  [
    "a device speaks on another's monitor",
    process("net", "c1,c2,c700"),
    object("monitor", "c1,c2,c701"),
    "unix_stream_socket",
    "write",
    "constraint",
  ],
  [
    "a device signals its VMM",
    process("disk", "c1,c2,c700"),
    process("vmm", "c1,c2-s0:c1,c2,c800"),
    "process",
    "signal",
    "type-rule",
  ],
  [
    "a disk signals another disk",
    process("disk", "c1,c2,c700"),
    process("disk", "c1,c2,c701"),
    "process",
    "signal",
    "constraint",
  ],
  [
    "a device takes an fd of another VM's VMM",
    process("disk", "c1,c2,c700"),
    process("vmm", "c3,c4"),
    "fd",
    "use",
    "unconstrained-class",
  ],
  [
    "a launcher reads an image of any VM",
    "system_u:system_r:bulkhead_t:s0",
    object("image", "c1,c2,c700"),
    "file",
    "read",
    "missing-attribute",
  ],
  ["a disk reads /etc/shadow", process("disk", "c1,c2,c700"), "system_u:object_r:shadow_t:s0", "file", "read", "type-rule"],
] as const;

for (const [what, source, target, objectClass, permission, reason] of DECISIONS) {
  test(`${what}: ${reason}`, () => {
    const found = decideAccess(policy, { source, target, objectClass, permissions: [permission] });
    assert.is(found.reason, reason, found.explanation);
    const allowed = ["granted", "missing-attribute", "unconstrained-class"].includes(reason);
    assert.equal([found.decision, found.denied], allowed ? ["allow", []] : ["deny", [permission]]);
  });
}

test("with a type rule for all of them, categories alone keep VMM and devices from each other", () => {
  const widened = compileModule("(allow bulkhead_domain bulkhead_domain (process (signal)))");
  assert.ok(widened.path, widened.said);
  const other = CompiledPolicy.load(widened.path as string);
  const [vmm, disk, net] = [process("vmm", "c1,c2-s0:c1,c2,c800"), process("disk", "c1,c2,c700"), process("net", "c1,c2,c701")];
  for (const [source, target] of [
    [disk, vmm],
    [vmm, disk],
    [disk, net],
    [disk, process("disk", "c3,c4,c700")],
  ] as const) {
    const found = decideAccess(other, { source, target, objectClass: "process", permissions: ["signal"] });
    assert.is(found.reason, "constraint", `${source} ${target}: ${found.explanation}`);
  }
  widened.remove();
});

/** One rule more breaks the build: each separation that the module states. */
const BROKEN = [
  ["a net process reads images", "(allow bulkhead_net_t bulkhead_image_t (file (read)))"],
  ["the VMM reads images", "(allow bulkhead_vmm_t bulkhead_image_t (file (read)))"],
  ["a disk opens images by path", "(allow bulkhead_disk_t bulkhead_image_t (file (open)))"],
  ["the judge writes images", "(allow bulkhead_image_judge_t bulkhead_image_t (file (write)))"],
  ["a disk touches taps", "(allow bulkhead_disk_t bulkhead_tap_t (chr_file (write)))"],
  ["a device executes a second program", "(allow bulkhead_disk_t bulkhead_program_t (file (execute_no_trans)))"],
  ["a device writes its root", "(allow bulkhead_disk_t bulkhead_root_t (file (write)))"],
  ["a device executes guest memory", "(allow bulkhead_disk_t bulkhead_memory_t (file (execute)))"],
  ["a device traces its VMM", "(allow bulkhead_disk_t bulkhead_vmm_t (process (ptrace)))"],
  ["a device signals a stranger", "(allow bulkhead_disk_t kernel_t (process (signal)))"],
  ["a device connects to a stranger", "(allow bulkhead_disk_t kernel_t (unix_stream_socket (connectto)))"],
  ["a device makes a TCP socket", "(allow bulkhead_net_t self (tcp_socket (create)))"],
  ["a device changes its context", "(allow bulkhead_disk_t self (process (setexec)))"],
  ["a device relabels files", "(allow bulkhead_disk_t bulkhead_image_t (file (relabelto)))"],
  ["a stranger becomes a device", "(allow kernel_t bulkhead_disk_t (process (transition)))"],
  ["a device reads the launcher's records", "(allow bulkhead_disk_t bulkhead_runtime_t (file (open)))"],
  ["a device adds to the launcher's records", "(allow bulkhead_disk_t bulkhead_runtime_t (dir (add_name)))"],
  ["a device reads the host file", "(allow bulkhead_disk_t bulkhead_config_t (file (read)))"],
  ["a device writes the command", "(allow bulkhead_disk_t bulkhead_exec_t (file (write)))"],
  ["a supervisor starts a program", "(allow bulkhead_supervisor_t bulkhead_program_t (file (execute_no_trans)))"],
  ["a supervisor makes a process of a VM", "(allow bulkhead_supervisor_t bulkhead_disk_t (process (transition)))"],
  ["a supervisor traces a process", "(allow bulkhead_supervisor_t bulkhead_disk_t (process (ptrace)))"],
  ["a supervisor changes its domain again", "(allow bulkhead_supervisor_t self (process (setcurrent)))"],
  ["a supervisor has a capability", "(allow bulkhead_supervisor_t self (capability (sys_admin)))"],
  ["a supervisor mounts", "(allow bulkhead_supervisor_t bulkhead_root_t (dir (mounton)))"],
  ["a supervisor reads images", "(allow bulkhead_supervisor_t bulkhead_image_t (file (read)))"],
  ["a supervisor opens images at rest", "(allow bulkhead_supervisor_t bulkhead_store_t (file (open)))"],
  ["a supervisor reads guest memory", "(allow bulkhead_supervisor_t bulkhead_memory_t (file (read)))"],
  ["a supervisor speaks on channels", "(allow bulkhead_supervisor_t bulkhead_channel_t (unix_stream_socket (write)))"],
  ["a supervisor touches taps", "(allow bulkhead_supervisor_t bulkhead_tap_t (chr_file (read)))"],
  ["the keeper opens records", "(allow bulkhead_keeper_t bulkhead_runtime_t (file (open)))"],
] as const;

/** Not by a neverallow rule: the kernel lets a process with threads change only to a domain that the old one bounds. */
test("a policy in which a supervisor may do what a launcher may not does not build", () => {
  const { path, said, remove } = compileModule("(allow bulkhead_supervisor_t shadow_t (file (getattr)))");
  remove();
  assert.is(path, null);
  assert.match(said, /bound/i);
});

/** Names that Debian's policy has and another may not: what an optional block asks for. */
const OPTIONAL_NAMES = ["unconfined_t", "sysadm_t", "setrans_t", "fs_t"];

test("it compiles on a policy without the names of its optional blocks, and separates the same", () => {
  const bare = compileModule("", { without: OPTIONAL_NAMES });
  assert.ok(bare.path, bare.said);
  const other = CompiledPolicy.load(bare.path as string);
  for (const name of OPTIONAL_NAMES) assert.not(other.knows(`system_u:object_r:${name}:s0`), name);
  for (const [what, source, target, objectClass, permission, reason] of DECISIONS) {
    const found = decideAccess(other, { source, target, objectClass, permissions: [permission] });
    assert.is(found.reason, reason, `${what}: ${found.explanation}`);
  }
  bare.remove();
});

for (const [what, rule] of BROKEN) {
  test(`a policy in which ${what} does not build`, () => {
    const { path, said, remove } = compileModule(rule);
    remove();
    assert.is(path, null);
    assert.match(said, /neverallow check failed/i);
  });
}

test.run();
