import * as assert from "uvu/assert";
import { planFileSize } from "../../../src/plan/file_size_limit.js";
import type { ImageFacts } from "../../../src/plan/index.js";
import { type DeviceSpec, parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("to where a device's process may write");

const MIB = 1024 * 1024;

function deviceOf(backend: string, role = "disk", model = "nvme"): DeviceSpec {
  const text = `name: a\nmachine: {memory: 64M}\ndevices: [{id: d, role: ${role}, model: ${model}, ${backend}}]\n`;
  return parseVmText(text, { file: "a.yaml", directory: "/" }).devices[0] as DeviceSpec;
}

const file = (sizeBytes: number): ImageFacts => ({ kind: "file", sizeBytes, path: "/a", blockDevice: null });
const BLOCK: ImageFacts = { kind: "block", sizeBytes: 0, path: "/dev/a", blockDevice: "253:0" };
const images = (own: ImageFacts, data?: ImageFacts): ReadonlyMap<string, ImageFacts> =>
  new Map([["d", own], ...(data === undefined ? [] : [["d-data", data] as const])]);

test("raw: to the end of the image's last sector", () => {
  const raw = deviceOf("disk: {file: a.img}");
  assert.is(planFileSize(raw, images(file(8 * MIB))), 8 * MIB);
  assert.is(planFileSize(raw, images(file(8 * MIB + 1))), 8 * MIB + 512);
});

for (const [what, device, facts] of [
  ["a card", deviceOf("net: {disconnected: true}", "net", "e1000"), new Map()],
  ["a raw image that is read only", deviceOf("disk: {file: a.img, readOnly: true}"), images(file(MIB))],
  ["a qcow2 image that is read only", deviceOf("disk: {file: a.img, format: qcow2, readOnly: true}"), images(file(MIB))],
  ["a block device", deviceOf("disk: {file: a.img}"), images(BLOCK)],
] as const) {
  test(`${what}: nowhere`, () => assert.is(planFileSize(device, facts, 8n), 0));
}

test("qcow2: nowhere before it is judged, then beyond what it has by its disk and its tables", () => {
  const qcow2 = deviceOf("disk: {file: a.img, format: qcow2}");
  assert.is(planFileSize(qcow2, images(file(MIB))), 0);
  assert.is(planFileSize(qcow2, images(file(MIB)), BigInt(32 * MIB)), (1 + 32 + 2 + 16) * MIB);
  assert.is(planFileSize(qcow2, images(BLOCK), BigInt(32 * MIB)), 0);
});

test("qcow2 with a data file: the larger of the two, which may be the data's own", () => {
  const split = deviceOf("disk: {file: a.img, format: qcow2, dataFile: b.img}");
  assert.is(planFileSize(split, images(BLOCK, file(0)), BigInt(3 * MIB)), 4 * MIB);
  assert.is(planFileSize(split, images(BLOCK, file(64 * MIB)), BigInt(3 * MIB)), 64 * MIB);
  assert.is(planFileSize(split, images(file(MIB), BLOCK), BigInt(32 * MIB)), 51 * MIB);
});

test("qcow2: a header that claims more than any file can hold gets the largest number that is exact in a plan", () => {
  const qcow2 = deviceOf("disk: {file: a.img, format: qcow2}");
  assert.is(planFileSize(qcow2, images(file(MIB)), 2n ** 62n), Number.MAX_SAFE_INTEGER);
});

test.run();
