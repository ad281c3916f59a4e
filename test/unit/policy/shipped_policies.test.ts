import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { listRoles, loadRolePolicy, requireRoleOfModel, rolesOfModel } from "../../../src/policy/index.js";
import { combinePhases, compiledFilter, decideCall, findConstant, type SyscallRule } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("shipped policies", { timeoutMs: 30_000 });

const folder = join(repositoryRoot, "policies");
const ROLES = ["audio", "disk", "net", "serial", "usb", "vmm", "vmm-hot-plug", "watchdog"];
const DEVICE_ROLES = ROLES.filter((role) => !role.startsWith("vmm"));
/** Roles of programs other than QEMU, which the tests of QEMU's roles do not fit. */
const OTHER_ROLES = ["image-judge", "javascript-device", "launcher", "reference-device"];
const load = (role: string) => loadRolePolicy({ folder, role });
const names = (rules: readonly SyscallRule[]) => new Set(rules.map(({ syscall }) => syscall));

let cacheDirectory: string;
test.before(() => {
  cacheDirectory = mkdtempSync(join(tmpdir(), "bulkhead-policies-"));
});
test.after(() => rmSync(cacheDirectory, { recursive: true, force: true }));

test("the roles are these, so that a new one is tested too", () => {
  assert.equal(listRoles(folder), [...ROLES, ...OTHER_ROLES].sort());
});

test("launcher role: starts and traces nothing, makes no connection, names no process, has no start phase", () => {
  const { seccomp, models } = load("launcher");
  const run = names(seccomp.run.filter(({ action }) => action.kind === "allow"));
  const closed =
    `execve execveat fork vfork clone3 ptrace process_vm_readv process_vm_writev kill tkill socket socketpair connect bind
    listen unshare setns mount umount2 pivot_root chroot bpf userfaultfd perf_event_open keyctl add_key pidfd_open pidfd_getfd
    io_uring_enter init_module finit_module kexec_load setuid setresuid capset mknod mknodat chmod fchmodat chown link symlink`.split(
      /\s+/,
    );
  assert.equal(
    closed.filter((name) => run.has(name)),
    [],
  );
  assert.equal([seccomp.start, models], [[], []]);
  const filter = combinePhases(seccomp, "run");
  const process = findConstant("SIGCHLD")?.value ?? -1n;
  assert.is(decideCall(filter, "clone", [process]).action.kind, "kill-process", "a process, not a thread");
  assert.is(decideCall(filter, "sendto", [5n, 0n, 0n, 0n, 1n]).action.kind, "kill-process", "an address");
});

for (const role of ROLES) {
  test(`${role} role: loads, compiles for every selection of phases, and each filter passes its self-check`, async () => {
    const { seccomp } = load(role);
    const programs = await Promise.all(
      (["run", "start+run", "lock-down"] as const).map((phases) => compiledFilter({ policy: seccomp, phases, cacheDirectory })),
    );
    assert.is(new Set(programs.map(({ sha256 }) => sha256)).size, 3);
  });

  test(`${role} role: after lock-down nothing can be executed, opened by path, traced or connected`, () => {
    const run = names(load(role).seccomp.run.filter(({ action }) => action.kind === "allow"));
    const closed =
      `execve execveat open openat openat2 creat name_to_handle_at open_by_handle_at ptrace process_vm_readv process_vm_writev
      kill tkill socket socketpair connect bind listen accept accept4 sendto fork vfork unshare setns mount bpf userfaultfd
      perf_event_open keyctl seccomp rt_sigaction prctl arch_prctl memfd_create pidfd_open pidfd_getfd io_uring_enter
      io_uring_register pkey_mprotect remap_file_pages personality`.split(/\s+/);
    assert.equal(
      closed.filter((name) => run.has(name)),
      [],
    );
  });

  test(`${role} role: after lock-down no memory becomes executable`, () => {
    const filter = combinePhases(load(role).seccomp, "run");
    for (const syscall of ["mmap", "mprotect"]) {
      const executable = decideCall(filter, syscall, [0n, 4096n, findConstant("PROT_EXEC")?.value ?? -1n]);
      assert.is(executable.action.kind, "kill-process", syscall);
    }
  });

  test(`${role} role: hot calls are answered without looking at arguments, so that the kernel skips the filter`, () => {
    const { run } = load(role).seccomp;
    for (const hot of ["ppoll", "read", "write", "recvmsg", "sendmsg", "futex"]) {
      assert.equal(
        run.filter(({ syscall }) => syscall === hot).map(({ checks }) => checks.length),
        [0],
        hot,
      );
    }
  });
}

test("image-judge role: six calls after lock-down, each on the one fd that it is for, and nothing of the file system", async () => {
  const { seccomp, models, files, nodes, selfMade } = load("image-judge");
  await compiledFilter({ policy: seccomp, phases: "run", cacheDirectory });
  assert.equal([models, files, nodes, selfMade], [[], [], [], []]);
  assert.equal([...names(seccomp.run)], ["close", "read", "lseek", "pread64", "write", "exit_group"]);
  assert.equal([...names(seccomp.start)], ["prctl", "execve"]);
  const run = combinePhases(seccomp, "run");
  const kind = (syscall: string, args: bigint[]) => decideCall(run, syscall, args).action.kind;
  assert.equal([kind("read", [3n, 0n, 1n]), kind("pread64", [4n, 0n, 4096n]), kind("write", [3n])], ["allow", "allow", "allow"]);
  const wrongFd = [
    kind("read", [4n, 0n, 1n]),
    kind("pread64", [3n]),
    kind("write", [4n]),
    kind("lseek", [3n, 0n, 2n]),
    kind("close", [3n]),
  ];
  assert.equal(wrongFd, Array(5).fill("kill-process"));
  assert.is(kind("read", [3n, 0n, 2n]), "kill-process");
});

test("reference-device role: a dozen calls, answers on its channel only, and memory that is never executable", async () => {
  const { seccomp, models, files, nodes, selfMade } = load("reference-device");
  await compiledFilter({ policy: seccomp, phases: "run", cacheDirectory });
  assert.equal([models, files, nodes], [[], [], []]);
  // It makes none: these it receives.
  assert.equal(
    selfMade.map(({ kind }) => kind),
    ["eventfd", "guest-memory"],
  );
  assert.is(names(seccomp.run).size, 13);
  const run = combinePhases(seccomp, "run");
  const kind = (syscall: string, args: bigint[]) => decideCall(run, syscall, args).action.kind;
  const [shared, executable, noSignal] = [1n, 7n, 0x4000n];
  assert.equal([kind("sendmsg", [3n, 0n, noSignal]), kind("mmap", [0n, 4096n, 3n, shared, 4n])], ["allow", "allow"]);
  const others = [kind("sendmsg", [4n, 0n, noSignal]), kind("recvmsg", [4n]), kind("mmap", [0n, 4096n, executable, shared, 4n])];
  assert.equal(others, Array(3).fill("kill-process"));
});

test("javascript-device role: after lock-down nothing is opened, made or executable, and no thread is added", async () => {
  const { seccomp, models, files, nodes } = load("javascript-device");
  await compiledFilter({ policy: seccomp, phases: "lock-down", cacheDirectory });
  assert.equal([models, files, nodes], [[], [], []]);
  const run = combinePhases(seccomp, "run");
  const kind = (syscall: string, args: bigint[] = []) => decideCall(run, syscall, args).action.kind;
  const executable = 7n;
  const [writes, exits] = [kind("mmap", [0n, 4096n, 3n]), kind("exit_group")];
  assert.equal([writes, exits], ["allow", "allow"]);
  const refused = [
    kind("mmap", [0n, 4096n, executable]),
    kind("mprotect", [0n, 4096n, executable]),
    ...["openat", "clone", "execve", "socket", "pipe2", "epoll_create1", "eventfd2", "ptrace", "prlimit64"].map((name) =>
      kind(name),
    ),
  ];
  assert.equal(refused, Array(11).fill("kill-process"));
});

test("device roles: hold no KVM request and no /dev/kvm", () => {
  for (const role of DEVICE_ROLES) {
    const { seccomp, nodes } = load(role);
    const run = findConstant("KVM_RUN")?.value ?? -1n;
    assert.is(decideCall(combinePhases(seccomp, "start+run"), "ioctl", [0n, run]).action.kind, "kill-process");
    assert.not.ok(nodes.some(({ name }) => name === "kvm"));
  }
});

test("all roles but disk: cannot reach an image, make a thread or a lock after lock-down", () => {
  for (const role of ROLES.filter((name) => name !== "disk")) {
    const run = combinePhases(load(role).seccomp, "run");
    for (const syscall of ["pread64", "pwrite64", "fallocate", "fdatasync", "clone"]) {
      assert.is(decideCall(run, syscall, [0x3d0f00n]).action.kind, "kill-process", `${role} ${syscall}`);
    }
    assert.is(decideCall(run, "fcntl", [0n, findConstant("F_OFD_SETLK")?.value ?? -1n]).action.kind, "kill-process");
  }
});

test("clone3: answered ENOSYS in every role, so that thread flags stay visible", () => {
  for (const role of ROLES) {
    const { action } = decideCall(combinePhases(load(role).seccomp, "run"), "clone3", []);
    assert.equal(action, { kind: "errno", errno: 38, name: "ENOSYS" });
  }
});

test("models: each belongs to one role, and an unknown one is refused with a suggestion", () => {
  const all = ROLES.flatMap((role) => load(role).models);
  assert.is(new Set(all).size, all.length);
  const demand = (role: string, model: string) =>
    requireRoleOfModel(load(role), { model, position: "a.yaml:1:1", homes: rolesOfModel(folder, model) });
  demand("net", "e1000");
  assert.throws(() => demand("net", "lsi53c895a"), /^a\.yaml:1:1: .*it belongs to the role disk\. Say "role: disk"\.$/);
  assert.throws(() => demand("disk", "lsi53c895b"), /did you mean "lsi53c895a"/);
});

test.run();
