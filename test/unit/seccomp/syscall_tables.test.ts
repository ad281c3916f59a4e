import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { resolveSyscallNumber } from "../../../src/kernel/libseccomp.js";
import { CONSTANTS } from "../../../src/seccomp/constants/index.js";
import { SYSCALL_NUMBERS, syscallArguments, syscallName } from "../../../src/seccomp/index.js";
import { describedSyscalls } from "../../../src/seccomp/syscall_signatures.js";
import { suite } from "../../support/harness.js";

const test = suite("tables of syscalls and constants", { timeoutMs: 30_000 });

/** Newer than the newest libseccomp that the supported distributions ship (2.6.0 knows Linux 6.13). */
const UNKNOWN_TO_OLD_LIBSECCOMP_FROM = 335;

test("syscall numbers: each is what libseccomp resolves the name to", () => {
  const differing = [...SYSCALL_NUMBERS].flatMap(([name, number]) => {
    const resolved = resolveSyscallNumber(name);
    if (resolved === null && number >= UNKNOWN_TO_OLD_LIBSECCOMP_FROM) return [];
    return resolved === number ? [] : [`${name}: ${number} here, ${resolved} there`];
  });
  assert.equal(differing, []);
});

test("syscall numbers: no number and no name stands twice", () => {
  assert.is(new Set(SYSCALL_NUMBERS.values()).size, SYSCALL_NUMBERS.size);
  assert.is(syscallName(257), "openat");
  assert.is(syscallName(400), undefined);
});

test("syscall signatures: of existing calls, six arguments at most, names once", () => {
  for (const name of describedSyscalls()) {
    const names = (syscallArguments(name) ?? []).map((argument) => argument.name);
    assert.ok(SYSCALL_NUMBERS.has(name), name);
    assert.ok(names.length <= 6 && new Set(names).size === names.length, `${name} ${names.join(" ")}`);
  }
});

test("syscall signatures: every family has constants", () => {
  const families = new Set(CONSTANTS.map(({ family }) => family));
  const named = describedSyscalls().flatMap((name) => (syscallArguments(name) ?? []).map(({ family }) => family));
  assert.equal(
    [...new Set(named)].filter((family) => family !== null && !families.has(family)),
    [],
  );
});

test("constants: each has the value of its C header", () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-constants-"));
  try {
    for (const header of new Set(CONSTANTS.map((constant) => constant.header))) {
      const checks = CONSTANTS.filter((constant) => constant.header === header).map(
        ({ name, value }) => `_Static_assert((unsigned long long)(${name}) == (unsigned long long)(${value}LL), "${name}");`,
      );
      const source = join(folder, "check.c");
      // if_tun.h and its like use _IOW without including what defines it.
      writeFileSync(
        source,
        ["#define _GNU_SOURCE", "#include <sys/types.h>", "#include <sys/ioctl.h>", `#include <${header}>`, ...checks, ""].join(
          "\n",
        ),
      );
      execFileSync("cc", ["-std=gnu11", "-fsyntax-only", source], { stdio: ["ignore", "ignore", "pipe"] });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("constants: no name stands twice", () => {
  const names = CONSTANTS.map(({ name }) => name);
  assert.equal(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test.run();
