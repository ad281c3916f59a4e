import { closeSync, existsSync, fstatSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readLabel, writeLabel } from "../../src/selinux/index.js";
import { holdLabel } from "../../src/selinux/labels/index.js";
import { openDirectories } from "../../src/state/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";
import { runBulkhead } from "../support/run_command.js";
import { type CompiledModule, compileModule } from "../support/selinux/compile_policy.js";

/** Fourteen commands of a quarter of a second. */
const test = suite("bulkhead selinux", { needs: ["root", "secilc", "label-attribute"], timeoutMs: 60_000 });

let fixture: MachineFixture;
let compiled: CompiledModule;
test.before(async () => {
  fixture = await makeFixture();
  compiled = compileModule();
});
test.after(async () => {
  compiled.remove();
  await fixture.remove();
});

const selinux = (...args: string[]) => runBulkhead(["selinux", ...args], fixture);
const policy = () => ["--policy", compiled.path ?? ""];

const DISK = "system_u:system_r:bulkhead_disk_t:s0:c1,c2,c700";
const IMAGE = "system_u:object_r:bulkhead_image_t:s0:c1,c2,c700";
const OTHER_IMAGE = "system_u:object_r:bulkhead_image_t:s0:c1,c2,c701";

test("decide: exit 0 and `allow`, exit 1 and what refuses, with the permissions that are refused", async () => {
  const allowed = await selinux("decide", DISK, IMAGE, "file", "read", "write", "--json", ...policy());
  assert.is(allowed.exitCode, 0, allowed.stderr);
  const { decision, reason, denied } = JSON.parse(allowed.stdout);
  assert.equal({ decision, reason, denied }, { decision: "allow", reason: "granted", denied: [] });
  const refused = await selinux("decide", DISK, OTHER_IMAGE, "file", "getattr", "read", "--json", ...policy());
  assert.is(refused.exitCode, 1, refused.stderr);
  const answer = JSON.parse(refused.stdout);
  assert.equal([answer.schemaVersion, answer.decision, answer.reason, answer.denied], [1, "deny", "constraint", ["read"]]);
  const text = await selinux("decide", DISK, IMAGE, "file", "open", ...policy());
  assert.match(text.stdout, /^deny open \(type-rule\): no rule allows bulkhead_disk_t/);
});

/** What is asked, and a word of the one message. */
const BAD_INPUT = [
  ["a context that the policy does not know", ["decide", "u:r:no_such_t:s0", IMAGE, "file", "read"], /no_such_t/],
  ["a class that it does not know", ["decide", DISK, IMAGE, "fyle", "read"], /fyle/],
  ["a permission that it does not know", ["decide", DISK, IMAGE, "file", "reed"], /file reed/],
  [
    "a file that is no policy",
    ["decide", DISK, IMAGE, "file", "read", "--policy", join(repositoryRoot, "package.json")],
    /no compiled kernel policy/,
  ],
  ["a policy that is not there", ["check", "--policy", "no/such/file"], /no\/such\/file/],
] as const;

for (const [what, args, said] of BAD_INPUT) {
  test(`bad input: ${what} is one message and exit 2`, async () => {
    const asked: readonly string[] = args;
    const more = asked.includes("--policy") ? [] : policy();
    const { exitCode, stdout, stderr } = await selinux(...asked, ...more);
    assert.is(exitCode, 2, stderr);
    assert.is(stdout, "");
    assert.match(stderr, said);
    assert.is(stderr.trimEnd().split("\n").length, 1, stderr);
  });
}

test("check: the assertions of the package, one by one as JSON", async () => {
  const { exitCode, stdout, stderr } = await selinux("check", "--json", ...policy());
  assert.is(exitCode, 0, stderr);
  const { checks } = JSON.parse(stdout) as { checks: { passed: boolean }[] };
  assert.ok(checks.length > 50);
  assert.ok(checks.every(({ passed }) => passed));
});

test("matrix: every pair of the demo VM, and with --weak those that one mechanism holds apart alone", async () => {
  const vm = join(repositoryRoot, "examples/demo/vm.yaml");
  const all = await selinux("matrix", vm, ...policy());
  assert.match(all.stdout, /^net0 +read its image +disk0 +refused +type and category$/m, all.stderr);
  const weak = await selinux("matrix", vm, "--weak", ...policy());
  assert.match(weak.stdout, /^disk0 +read its image +disk1 +refused +category alone$/m);
  assert.not.match(weak.stdout, /type and category/);
});

test("label: a read-only image gets the shared label and keeps it; a link or nothing at all is refused", async () => {
  const path = join(fixture.directory, "base.img");
  writeFileSync(path, "");
  const { exitCode, stderr } = await selinux("label", path);
  assert.is(exitCode, 0, stderr);
  assert.match(readLabel(path) ?? "", /:object_r:bulkhead_shared_image_t:s0$/);
  assert.is((await selinux("label", `${path}.missing`)).exitCode, 2);
});

test("restore: an image of a VM that is not there has its own label again", async () => {
  const path = join(fixture.directory, "left.img");
  writeFileSync(path, "");
  const own = "system_u:object_r:var_t:s0";
  writeLabel(path, own, path);
  const fd = openSync(path, "r");
  const { dev, ino } = fstatSync(fd);
  const directories = openDirectories(fixture.environment);
  holdLabel(directories, { fd, path, inode: `${dev}:${ino}` }, { label: IMAGE, vm: "gone" });
  closeSync(fd);
  assert.match((await selinux("restore", "--list")).stdout, /left\.img: .*bulkhead_image_t.* for gone; was .*var_t/);
  const { exitCode, stdout } = await selinux("restore");
  assert.is(exitCode, 0);
  assert.match(stdout, /left\.img: restored/);
  assert.is(readLabel(path), own);
  assert.equal(
    readdirSync(`${directories.lib}/labels`).filter((name) => name.endsWith(".json")),
    [],
  );
});

test("install: without semodule it says what is missing, exit 3", async () => {
  if (existsSync("/usr/sbin/semodule")) return;
  const { exitCode, stderr } = await selinux("install");
  assert.is(exitCode, 3);
  assert.match(stderr, /semodule/);
});

test.run();
