import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { decodeVerdict, FAULTS, VERDICT_BYTES } from "../../../src/machine/image_verdict.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("verdict on an image");

const header = readFileSync(join(repositoryRoot, "native/judge/verdict.h"), "utf8");

function verdict(fields: { fault?: number; flags?: number; nameBytes?: number; name?: string } = {}): Buffer {
  const bytes = Buffer.alloc(VERDICT_BYTES);
  bytes.writeUInt32LE(0x31564842, 0);
  bytes.writeUInt32LE(fields.fault ?? 0, 4);
  bytes.writeBigUInt64LE(1n << 40n, 24);
  bytes.writeUInt32LE(fields.flags ?? 0, 32);
  bytes.writeUInt32LE(fields.nameBytes ?? fields.name?.length ?? 0, 36);
  bytes.write(fields.name ?? "", 40);
  return bytes;
}

test("every fault of verdict.h has its words, in its order", () => {
  const [, body = ""] = /enum class Fault[^{]*\{(.*?)\};/s.exec(header) ?? [];
  const names = [...body.matchAll(/^ {2}(\w+),/gm)].map((match) => match[1]);
  assert.is(names.length, FAULTS.length);
  assert.is(names[0], "none");
  // A word of the name stands in its sentence, or what people call it.
  const words: Readonly<Record<string, RegExp>> = {
    unreadable: /cannot be read/,
    features: /features/,
    overlap: /lie on each other/,
    refcount_order: /reference counts/,
  };
  names.slice(1).forEach((name = "", index) => {
    const expected = words[name] ?? new RegExp((name.split("_")[0] ?? "").replace("not", "does not").slice(0, 7), "i");
    assert.match(FAULTS[index + 1] ?? "", expected, name);
  });
});

test("a sound image: its size, and what its header names", () => {
  assert.equal(decodeVerdict(verdict({ flags: 1, name: "base.qcow2" })), {
    sound: true,
    virtualBytes: 1n << 40n,
    backingName: "base.qcow2",
    namesDataFile: false,
    isEncrypted: false,
  });
  const other = decodeVerdict(verdict({ flags: 6 }));
  assert.ok(other?.sound === true && other.backingName === null && other.namesDataFile && other.isEncrypted);
});

test("what is no verdict is not believed: its length, its magic number, a fault, a flag or a length that there is none of", () => {
  const wrong = verdict();
  wrong[0] = 0;
  for (const bytes of [
    Buffer.alloc(0),
    verdict().subarray(1),
    Buffer.concat([verdict(), Buffer.alloc(1)]),
    wrong,
    verdict({ fault: FAULTS.length }),
    verdict({ flags: 8 }),
    verdict({ nameBytes: 1024 }),
  ]) {
    assert.is(decodeVerdict(bytes), null);
  }
});

test.run();
