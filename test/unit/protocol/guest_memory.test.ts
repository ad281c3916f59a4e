import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import * as assert from "uvu/assert";
import type { BulkheadError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import { GuestMemory } from "../../../src/protocol/memory/guest_memory.js";
import type { Region } from "../../../src/protocol/wire/message.js";
import { suite } from "../../support/harness.js";
import { countFds, countSharedMappings } from "../../support/protocol/open_files.js";
import { makeUnsealedMemory } from "../../support/protocol/unsealed_memory.js";

const test = suite("guest memory");

const PAGE = 4096n;

let memory: GuestMemory;
let file = -1;
let before = { fds: 0, mappings: 0 };

test.beforeEach(() => {
  before = { fds: countFds(), mappings: countSharedMappings() };
  memory = new GuestMemory();
  file = addon.makeSealedMemory({ name: "test", sizeBytes: 8n * PAGE });
});
test.afterEach(() => {
  memory.clear();
  closeSync(file);
  assert.equal({ fds: countFds(), mappings: countSharedMappings() }, before, "something is left open or mapped");
});

/** Maps regions of the test's file, or of others. */
function share(regions: readonly Region[], fds: readonly number[] = []): void {
  memory.replace(regions, { peek: (index) => fds[index] ?? file });
}

function region(address: bigint, pages: bigint, offsetPages: bigint): Region {
  return { address, sizeBytes: pages * PAGE, offset: offsetPages * PAGE };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as BulkheadError).code;
  }
  return "none";
}

test("what is written through one region is read through another of the same file place", () => {
  share([region(0n, 2n, 0n), region(0x10_0000n, 2n, 1n)]);
  memory.write(PAGE + 4n, Buffer.from("across"));
  assert.is(memory.read(0x10_0004n, 6).toString(), "across");
  memory.store(0x10_0008n, 4, 0xdead_beefn);
  assert.is(memory.load(PAGE + 8n, 4), 0xdead_beefn);
  assert.is(memory.load(PAGE + 10n, 2), 0xdeadn);
});

test("what another process writes to the file is seen", () => {
  share([region(0x4000n, 1n, 3n)]);
  writeSync(file, Buffer.from("by the VMM"), 0, 10, Number(3n * PAGE + 16n));
  assert.is(memory.read(0x4010n, 10).toString(), "by the VMM");
});

test("accesses cross regions that touch, and only those; a write that would not fit writes nothing", () => {
  share([region(PAGE, 1n, 5n), region(0n, 1n, 0n), region(3n * PAGE, 1n, 7n)]);
  memory.write(PAGE - 2n, Buffer.from("abcd"));
  assert.is(memory.read(PAGE - 2n, 4).toString(), "abcd");
  assert.is(
    codeOf(() => memory.write(2n * PAGE - 2n, Buffer.from("wxyz"))),
    "memory-outside",
  );
  assert.equal([...memory.read(2n * PAGE - 2n, 2)], [0, 0]);
  assert.is(
    codeOf(() => memory.load(PAGE - 2n, 4)),
    "memory-outside",
  );
});

const OUTSIDE: readonly (readonly [what: string, address: bigint, lengthBytes: number])[] = [
  ["before a region", 0x3fffn, 1],
  ["at its end", 0x6000n, 1],
  ["across its end", 0x5fffn, 2],
  ["around it", 0x3000n, 0x4000],
  ["far away", 2n ** 64n - 1n, 1],
  ["beyond 64 bits", 2n ** 64n + 0x4000n, 1],
  ["at a negative address", -1n, 1],
  ["of no length", 0x4000n, 0],
];

for (const [what, address, lengthBytes] of OUTSIDE) {
  test(`an access ${what} is refused`, () => {
    share([region(0x4000n, 2n, 0n)]);
    assert.is(
      codeOf(() => memory.read(address, lengthBytes)),
      "memory-outside",
    );
    assert.is(
      codeOf(() => memory.write(address, Buffer.alloc(lengthBytes))),
      "memory-outside",
    );
    assert.is(
      codeOf(() => memory.view(address, lengthBytes)),
      "memory-outside",
    );
  });
}

test("a single access at no multiple of its width is refused", () => {
  share([region(0n, 1n, 0n)]);
  assert.is(
    codeOf(() => memory.load(2n, 4)),
    "memory-outside",
  );
  assert.is(
    codeOf(() => memory.store(4095n, 2, 0n)),
    "memory-outside",
  );
  assert.is(memory.load(4095n, 1), 0n);
});

test("a view ends with the next table, even where that has the same region", () => {
  share([region(0x4000n, 2n, 0n)]);
  const view = memory.view(0x4800n, 16);
  view.write(8, Buffer.from("in a row"));
  assert.is(view.read(8, 8).toString(), "in a row");
  assert.is(
    codeOf(() => view.read(9, 8)),
    "memory-outside",
  );
  assert.is(
    codeOf(() => view.load(-8, 8)),
    "memory-outside",
  );
  assert.is(
    codeOf(() => view.store(16, 1, 0n)),
    "memory-outside",
  );
  share([region(0x4000n, 2n, 0n)]);
  assert.is(
    codeOf(() => view.read(0, 1)),
    "memory-unmapped",
  );
  assert.is(
    codeOf(() => view.store(0, 8, 1n)),
    "memory-unmapped",
  );
});

test("a new table takes the place of the old one and unmaps it", () => {
  share([region(0n, 1n, 0n), region(0x8000n, 1n, 1n)]);
  assert.is(countSharedMappings(), before.mappings + 2);
  share([region(0x2000n, 1n, 0n)]);
  assert.is(countSharedMappings(), before.mappings + 1);
  assert.is(
    codeOf(() => memory.read(0n, 1)),
    "memory-outside",
  );
  assert.is(memory.read(0x2000n, 1).length, 1);
});

/** Makes an fd that is no memory to be trusted; the test closes it. */
const REFUSED: readonly (readonly [what: string, make: () => number, code: string])[] = [
  ["a file on disk", () => openSync(import.meta.filename, "r+"), "memory-unsealed"],
  ["/dev/zero", () => openSync("/dev/zero", "r+"), "memory-unsealed"],
  ["an eventfd", () => addon.makeEventfd(), "memory-unsealed"],
  ["a file of tmpfs that is not sealed", () => makeUnsealedMemory(Number(8n * PAGE)), "memory-unsealed"],
  ["a smaller memfd", () => addon.makeSealedMemory({ name: "small", sizeBytes: PAGE }), "memory-beyond-file"],
];

for (const [what, make, code] of REFUSED) {
  test(`${what} as the second region: refused, and the table before stays`, () => {
    share([region(0n, 1n, 0n)]);
    memory.write(0n, Buffer.from("kept"));
    const fd = make();
    assert.is(
      codeOf(() => share([region(0x8000n, 1n, 0n), region(0x10000n, 2n, 0n)], [file, fd])),
      code,
    );
    closeSync(fd);
    assert.is(memory.read(0n, 4).toString(), "kept");
    assert.is(countSharedMappings(), before.mappings + 1);
  });
}

test("a region past the end of its file is refused, though each part of the sum fits", () => {
  assert.is(
    codeOf(() => share([region(0n, 8n, 1n)])),
    "memory-beyond-file",
  );
  assert.is(
    codeOf(() => share([{ address: 0n, sizeBytes: 2n ** 63n, offset: 2n ** 63n - PAGE }])),
    "memory-beyond-file",
  );
});

test("memory that is taken cannot be cut off by whoever else holds it", () => {
  share([region(0n, 8n, 0n)]);
  assert.throws(() => ftruncateSync(file, 0), /EPERM/);
  assert.is(memory.read(8n * PAGE - 1n, 1).length, 1);
});

test.run();
