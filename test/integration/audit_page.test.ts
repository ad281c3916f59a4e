import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type AuditReport, type FdEdge, formatReport, type ProcessPicture } from "../../src/audit/index.js";
import { suite } from "../support/harness.js";
import { type PlacedText, type ShownPage, showPage } from "../support/headless_browser.js";

/** The browser starts in a second on an idle machine. */
const test = suite("the audit's page in a browser without scripts", { needs: ["browser"], timeoutMs: 60_000 });

const DEVICES = 16;
const HOSTILE = `"><script>document.title="owned"</script><img src="http://192.0.2.1/x">\u001b[2J\u202e&amp;`;

const process = (id: string, index: number): ProcessPicture => ({
  id,
  pid: 100 + index,
  command: index === 1 ? HOSTILE : id,
  uid: 500_000 + index,
  threads: 3,
  namespaces: null,
  fds: [{ fd: 3, kind: "unix-stream", access: "rw", object: HOSTILE, label: null, peer: "process 100 (vmm)" }],
});

const ids = ["launcher", "vmm", ...Array.from({ length: DEVICES }, (_, index) => `disk${index}`)];
const hold = (holder: string, fd: number) => ({ holder, fd, access: "rw" as const });
const channels = ids.slice(2).map((id, index): FdEdge => {
  return {
    kind: "unix-stream",
    object: `socket:[${index}]`,
    purpose: "channel",
    holds: [hold("vmm", 9), hold(id, 3)],
    undeclared: [],
  };
});
const edges: readonly FdEdge[] = [
  ...channels,
  { kind: "memfd", object: "/memfd:ram", purpose: "guest memory", holds: ids.slice(1).map((id) => hold(id, 5)), undeclared: [] },
  {
    kind: "file",
    object: "/a.img",
    purpose: "image of disk0",
    holds: [hold("disk0", 7), hold("disk1", 8)],
    undeclared: ["disk1"],
  },
  { kind: "tap", object: "tap0", purpose: "tap0", holds: [hold("disk2", 7)], undeclared: [] },
];

const report: AuditReport = {
  target: HOSTILE,
  exposure: 1.5,
  exposures: [{ subject: "disk0", figure: 1.5, shares: [] }],
  findings: [
    {
      id: "vm-fd-topology",
      severity: "high",
      title: "A title",
      subject: HOSTILE,
      evidence: "the evidence",
      remedy: "the remedy",
    },
  ],
  unknown: [{ id: null, subject: "vmm", why: HOSTILE }],
  exempted: [],
  known: 0,
  grants: [],
  picture: { processes: ids.map(process), edges },
};

let folder: string;
let page: ShownPage;
const html = (): string => formatReport(report, "html", { version: "0", details: false, grants: false });

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-page-"));
  writeFileSync(join(folder, "audit.html"), html());
  page = await showPage(join(folder, "audit.html"));
});
test.after(() => rmSync(folder, { recursive: true }));

function find(text: string): PlacedText {
  const found = page.texts.find((one) => one.text.trim() === text);
  if (found === undefined) throw new Error(`the page does not show "${text}"`);
  return found;
}

test("it asks for nothing but itself, and what was read of a process made no element", () => {
  assert.is(page.requested.length, 1, page.requested.join(" "));
  for (const name of ["SCRIPT", "IMG", "IFRAME", "LINK", "OBJECT"]) assert.not.ok(page.elements.includes(name), name);
  assert.match(page.title, /^Audit of "><script>/);
  for (const acts of ["\u001b", "\u202e"]) assert.not.ok(html().includes(acts));
});

test("target, figure, findings with their remedy, and what is unknown can be read", () => {
  for (const text of ["A title", "the evidence", "the remedy", "high", "1.5"]) assert.ok(find(text).width > 0, text);
  const all = page.texts.map(({ text }) => text).join(" ");
  assert.match(all, /Unknown, which is not taken as fine/);
  assert.match(all, /<script>document\.title="owned"<\/script>/, "as text");
});

test("each process has a box of its own, none over another, the VMM left of its devices", () => {
  const boxes = ids.map(find);
  for (const [index, one] of boxes.entries()) {
    assert.ok(one.width > 0 && one.height > 0, ids[index]);
    for (const other of boxes.slice(index + 1)) {
      const apart =
        one.x + one.width <= other.x ||
        other.x + other.width <= one.x ||
        one.y + one.height <= other.y ||
        other.y + other.height <= one.y;
      assert.ok(apart, `${JSON.stringify(one)} lies over ${JSON.stringify(other)}`);
    }
  }
  const vmm = find("vmm");
  for (const id of ids.slice(2)) assert.ok(find(id).x > vmm.x + vmm.width, id);
  assert.ok(find("launcher").x < vmm.x);
});

test("each line says what flows on it, and one that is not declared says so", () => {
  const texts = page.texts.map(({ text }) => text.trim());
  assert.is(texts.filter((text) => text === "channel, guest memory").length, DEVICES);
  assert.ok(texts.includes("undeclared: image of disk0"));
  assert.ok(texts.includes("tap0"));
});

test("the matrix has a cell for each two processes, and says what both have", () => {
  const cells = page.elements.filter((name) => name === "TD").length;
  assert.ok(cells >= ids.length * ids.length);
  assert.ok(page.texts.some(({ text }) => text.includes("channel") && text.includes("guest memory")));
});

test.run();
