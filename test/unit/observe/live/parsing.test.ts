import * as assert from "uvu/assert";
import { parseAddress, parseEnvironment, parseMemory } from "../../../../src/observe/index.js";
import { suite } from "../../../support/harness.js";

const test = suite("what /proc tells of a process that nobody trusts");

const MAPS = `55d0-55d1 r--p 00000000 08:01 100 /usr/bin/program
55d1-55d2 r-xp 00001000 08:01 100 /usr/bin/program
7f00-7f01 rwxp 00000000 00:00 0 
7f01-7f02 r-xp 00000000 08:01 200 /tmp/a b (deleted)
7f02-7f03 rw-s 00000000 00:01 300 /memfd:jit (deleted)
7f03-7f04 r-xs 00000000 00:01 300 /memfd:jit (deleted)
7f04-7f05 rw-p 00000000 08:01 100 /usr/bin/program
not a line
`;

test("memory: writable and executable at once, executable without a name, and writable at another address", () => {
  const memory = parseMemory(MAPS);
  assert.equal(memory.writableAndExecutable, [{ range: "7f00-7f01", access: "rwxp", file: "" }]);
  assert.equal(
    memory.executableDeleted.map(({ file }) => file),
    ["/tmp/a b (deleted)", "/memfd:jit (deleted)"],
  );
  // A private page that is written is a copy: the program's own code stays as it is.
  assert.equal(
    memory.writableAlias.map(({ range }) => range),
    ["7f03-7f04"],
  );
});

test("environment: names alone, and whose value is an address with a password", () => {
  const read = parseEnvironment("PATH=/bin\0EMPTY=\0DB=postgres://u:secret@h/d\0HOME=http://h/a:b@c\0junk\0=x\0");
  assert.equal(read, { names: ["PATH", "EMPTY", "DB", "HOME"], withPassword: ["DB"] });
  assert.not.match(JSON.stringify(read), /secret/);
});

test("addresses of the kernel's tables", () => {
  assert.is(parseAddress("0100007F:1F90"), "127.0.0.1:8080");
  assert.is(parseAddress("00000000000000000000000000000000:0050"), "[::]:80");
  assert.is(parseAddress("00000000000000000000000001000000:0016"), "[::1]:22");
  assert.is(parseAddress("B80D0120000000000000000001000000:0001"), "[2001:db8::1]:1");
});

test.run();
