import { closeSync, fstatSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { SelinuxError } from "../../../../src/errors/index.js";
import { readLabel, writeLabel } from "../../../../src/selinux/index.js";
import { holdLabel, type LabelStep, listLabelRecords, releaseLabels } from "../../../../src/selinux/labels/index.js";
import { suite } from "../../../support/harness.js";
import { makeDirectories } from "../../state/temporary_directories.js";

/** Root may write the attribute on a kernel without SELinux, which then keeps whatever text it is given. */
const test = suite("labels of images", { needs: ["root", "label-attribute"] });

const OWN = "system_u:object_r:user_home_t:s0";
const IMAGE = "system_u:object_r:bulkhead_image_t:s0:c1,c2,c700";
const OTHER_IMAGE = "system_u:object_r:bulkhead_image_t:s0:c3,c4,c701";
const SHARED = "system_u:object_r:bulkhead_shared_image_t:s0";

const directories = makeDirectories();
test.after(() => directories.remove());

interface TestImage {
  readonly path: string;
  readonly fd: number;
  readonly inode: string;
}

/** A file with a label of its own; what is on record of others is forgotten first. */
function makeImage(name: string, label: string | null = OWN): TestImage {
  releaseLabels(directories, () => false);
  const path = join(directories.base, name);
  rmSync(path, { force: true });
  writeFileSync(path, "content");
  const fd = openSync(path, "r+");
  if (label !== null) writeLabel(fd, label, path);
  const { dev, ino } = fstatSync(fd);
  return { path, fd, inode: `${dev}:${ino}` };
}

const hold = (image: TestImage, label: string, vm: string, onStep?: (step: LabelStep) => void) =>
  holdLabel(directories, image, { label, vm, ...(onStep === undefined ? {} : { onStep }) });
const release = (vm: string) => releaseLabels(directories, (holder) => holder !== vm);
const holders = () => listLabelRecords(directories).map((record) => record.holders);

test("an image is labelled for its VM, and has its own label again afterwards", () => {
  const image = makeImage("one.img");
  hold(image, IMAGE, "web1");
  assert.is(readLabel(image.path), IMAGE);
  assert.equal(holders(), [["web1"]]);
  assert.is(release("web1")[0]?.outcome, "restored");
  assert.is(readLabel(image.path), OWN);
  assert.equal(listLabelRecords(directories), []);
  closeSync(image.fd);
});

test("two VMs share a read-only image: it is restored when the second lets go", () => {
  const image = makeImage("shared.img");
  hold(image, SHARED, "web1");
  hold(image, SHARED, "web2");
  assert.equal(holders(), [["web1", "web2"]]);
  assert.is(release("web1")[0]?.outcome, "kept");
  assert.is(readLabel(image.path), SHARED);
  assert.is(release("web2")[0]?.outcome, "restored");
  assert.is(readLabel(image.path), OWN);
  closeSync(image.fd);
});

test("an image that another VM has under another label is refused, and stays that VM's", () => {
  const image = makeImage("held.img");
  hold(image, IMAGE, "web1");
  assert.throws(
    () => hold(image, OTHER_IMAGE, "web2"),
    (error: SelinuxError) => error.code === "label-held" && /web1/.test(error.message),
  );
  assert.is(readLabel(image.path), IMAGE);
  closeSync(image.fd);
});

/** A launcher that dies at a step leaves what was done by then; `thrown` stands for its death. */
for (const step of ["recorded", "labelled"] as const) {
  test(`a crash after "${step}" is recovered: the file has its own label again, and none is on record`, () => {
    const image = makeImage(`crash-${step}.img`);
    const die = (at: LabelStep): void => {
      if (at === step) throw new Error("died");
    };
    assert.throws(() => hold(image, IMAGE, "web1", die), /died/);
    assert.is(readLabel(image.path), step === "recorded" ? OWN : IMAGE);
    assert.is(release("web1")[0]?.outcome, "restored");
    assert.is(readLabel(image.path), OWN);
    assert.equal(listLabelRecords(directories), []);
    closeSync(image.fd);
  });
}

test("a VM that is launched again after a crash keeps the first label on record", () => {
  const image = makeImage("again.img");
  hold(image, IMAGE, "web1");
  hold(image, OTHER_IMAGE, "web1");
  assert.is(readLabel(image.path), OTHER_IMAGE);
  assert.is(listLabelRecords(directories)[0]?.original, OWN);
  release("web1");
  assert.is(readLabel(image.path), OWN);
  closeSync(image.fd);
});

test("a label that somebody changed meanwhile is told, and not overwritten", () => {
  const image = makeImage("changed.img");
  hold(image, IMAGE, "web1");
  writeLabel(image.fd, "system_u:object_r:var_t:s0", image.path);
  const [released] = release("web1");
  assert.is(released?.outcome, "changed");
  assert.match(released?.detail ?? "", /var_t/);
  assert.is(readLabel(image.path), "system_u:object_r:var_t:s0");
  closeSync(image.fd);
});

test("a shared image that somebody relabelled is refused to the next VM", () => {
  const image = makeImage("shared-changed.img");
  hold(image, SHARED, "web1");
  writeLabel(image.fd, OWN, image.path);
  assert.throws(
    () => hold(image, SHARED, "web2"),
    (error: SelinuxError) => error.code === "label-changed",
  );
  closeSync(image.fd);
});

test("another file at the image's path keeps its label", () => {
  const image = makeImage("moved.img");
  hold(image, IMAGE, "web1");
  renameSync(image.path, `${image.path}.aside`);
  writeFileSync(image.path, "somebody else's");
  writeLabel(image.path, OWN, image.path);
  assert.is(release("web1")[0]?.outcome, "gone");
  assert.is(readLabel(image.path), OWN);
  closeSync(image.fd);
});

test("an image that has the label already is nobody's to restore", () => {
  const image = makeImage("labelled.img", SHARED);
  hold(image, SHARED, "web1");
  assert.equal(listLabelRecords(directories), []);
  assert.equal(release("web1"), []);
  assert.is(readLabel(image.path), SHARED);
  closeSync(image.fd);
});

test.run();
