import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ObservedFd, ObservedProcess } from "../../../src/observe/index.js";
import { Comparison, type Difference } from "../../../src/verify/difference.js";
import { compareFds } from "../../../src/verify/fds.js";
import { suite } from "../../support/harness.js";
import { heldOf, matchingProcess, planBelow } from "./matching_process.js";

const test = suite("fds of a process against its manifest");

const base = mkdtempSync(join(tmpdir(), "bulkhead-verify-"));
const plan = planBelow(base);
const matching = matchingProcess(plan, process.pid);
test.after(() => rmSync(base, { recursive: true }));

function compare(observed: ObservedProcess, planned = plan): Difference[] {
  const comparison = new Comparison(planned.id, observed.pid);
  compareFds(planned, observed, { held: heldOf(plan), guestMemory: new Set(["9:memory"]) }, comparison);
  return comparison.differences;
}

function assertDiffers(observed: ObservedProcess, planned = plan): void {
  const differences = compare(observed, planned);
  assert.ok(differences.length > 0, "the difference was not seen");
  assert.ok(differences.every((difference) => difference.layer === "fds" && difference.process === "disk0"));
}

function withFd(number: number, change: Partial<ObservedFd>): ObservedProcess {
  return { ...matching, fds: matching.fds.map((fd) => (fd.fd === number ? { ...fd, ...change } : fd)) };
}

function withMore(...fds: readonly Partial<ObservedFd>[]): ObservedProcess {
  const more = fds.map(
    (fd, index): ObservedFd => ({ fd: 40 + index, link: "x", kind: "file", access: "r", inode: `8:${index}`, ...fd }),
  );
  return { ...matching, fds: [...matching.fds, ...more] };
}

test("each fd of the manifest is missed, and a stranger in its place is seen", () => {
  for (const { fd } of plan.fds.filter(({ purpose }) => purpose !== "log")) {
    assertDiffers({ ...matching, fds: matching.fds.filter((other) => other.fd !== fd) });
    assertDiffers(withFd(fd, { inode: "7:7" }));
  }
});

test("one of two places of the log may be closed, both may not", () => {
  const without = (...numbers: readonly number[]) => ({
    ...matching,
    fds: matching.fds.filter(({ fd }) => !numbers.includes(fd)),
  });
  assert.equal(compare(without(1)), []);
  assertDiffers(without(1, 2));
});

test("more access than was given", () => {
  for (const { fd, access } of plan.fds) if (access !== "rw") assertDiffers(withFd(fd, { access: "rw" }));
});

test("a copy of a given one is the same file", () => {
  const channel = matching.fds.find(({ fd }) => fd === 4);
  assert.equal(compare(withMore({ ...channel, fd: 40 })), []);
});

test("a file, a socket, a directory, a tap of its own", () => {
  for (const kind of ["file", "block", "socket", "directory", "tap", "kvm", "memfd", "unknown"]) {
    assertDiffers(withMore({ kind }));
  }
});

test("as many of a kind as planned, and not one more", () => {
  const eventfds = (count: number) => withMore(...Array.from({ length: count }, () => ({ kind: "eventfd" })));
  assert.equal(compare(eventfds(14)), []);
  assertDiffers(eventfds(15));
  assertDiffers(withMore({ kind: "signalfd" }));
});

test("guest memory is allowed to a device only if the VMM made it", () => {
  const allowed = { ...plan, selfMade: [...plan.selfMade, { kind: "guest-memory", max: 1 }] };
  assert.equal(compare(withMore({ kind: "memfd", inode: "9:memory" }), allowed), []);
  assertDiffers(withMore({ kind: "memfd", inode: "9:own" }), allowed);
});

test.run();
