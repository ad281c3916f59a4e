import * as assert from "uvu/assert";
import { describeAddress, observeCode, parseCode } from "../../../src/observe/index.js";
import { suite } from "../../support/harness.js";

const test = suite("executable memory of a process");

const MAPS = `5602e8e21000-5602e8e23000 r--p 00000000 fe:00 260386                     /usr/bin/head
5602e8e23000-5602e8e29000 r-xp 00002000 fe:00 260386                     /usr/bin/head
7f0000000000-7f0000001000 rwxp 00000000 00:00 0
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
`;

test("an address: the file that maps it there and the offset in that file", () => {
  const code = parseCode(MAPS);
  assert.is(code.length, 3);
  assert.is(describeAddress(code, 0x5602e8e23010n), "/usr/bin/head+0x2010");
  assert.is(describeAddress(code, 0x5602e8e28fffn), "/usr/bin/head+0x7fff");
  assert.is(describeAddress(code, 0x7ffd00000a00n), "[vdso]+0xa00");
  assert.is(describeAddress(code, 0x7f0000000004n), "memory without a file+0x4");
});

test("an address where nothing is executable has no place", () => {
  const code = parseCode(MAPS);
  for (const address of [0n, 0x5602e8e21000n, 0x5602e8e29000n]) assert.is(describeAddress(code, address), null);
});

test("a live process has its program there; one that is gone has nothing", () => {
  assert.ok(observeCode(process.pid).some(({ file }) => file === process.execPath));
  assert.equal(observeCode(0x7fffffff), []);
});

test.run();
