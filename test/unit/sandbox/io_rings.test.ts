import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { hasIoRing } from "../../../src/sandbox/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("io_uring and launchers", { timeoutMs: 20_000 });

const RINGLESS = join(repositoryRoot, "native/build/Release/bulkhead-ringless.so");
/** include/uapi/asm-generic/errno.h */
const ENOSYS = 38;
/** io_uring_setup and getpid by libc's syscall(), as libuv calls: asm/unistd_64.h. */
const PROGRAM = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
made = libc.syscall(425, 4, (ctypes.c_char * 256)())
print(made, ctypes.get_errno() if made < 0 else 0, libc.syscall(39) == os.getpid(), libc.syscall(3, 999), ctypes.get_errno())
`;

test("with the preloaded library a ring is answered ENOSYS, and every other call as by the kernel", () => {
  const environment = { ...process.env, LD_PRELOAD: RINGLESS };
  const said = execFileSync("python3", ["-c", PROGRAM], { env: environment, encoding: "utf8" });
  // close(999): EBADF.
  assert.is(said, `-1 ${ENOSYS} True -1 9\n`);
});

test("this process has no ring, or its libuv is one that makes them", () => {
  const [major = 0, minor = 0] = (process.versions["uv"] ?? "").split(".").map(Number);
  const makesRings = major > 1 || minor >= 49;
  assert.ok(makesRings || !hasIoRing());
});

test.run();
