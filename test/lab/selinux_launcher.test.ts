// Runs inside the lab, by test/lab_long/selinux.test.ts: the command as an administrator of an installed host starts it.
import { execFile } from "node:child_process";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import { recordDenials } from "../../src/compliance/lab/index.js";
import type { Inspection } from "../../src/index.js";
import { type Context, dominates, parseContext, readLabel } from "../../src/selinux/index.js";
import { suite } from "../support/harness.js";
import { buildRoot, repositoryRoot } from "../support/repository.js";

const test = suite("a launcher in a domain of its own", { needs: ["root", "kvm", "selinux-enforcing"], timeoutMs: 400_000 });

const execute = promisify(execFile);
/** Executed by its label, not by `node main.js`: that makes the transition. */
const COMMAND = join(buildRoot, "bundle/cli/main.js");
const KEEPER = join(repositoryRoot, "native/build/Release/bulkhead-keeper");
/** Where the policy expects images: selinux/bulkhead.cil. The other directories are made by the launcher. */
const IMAGES = "/var/lib/bulkhead/images";
const IMAGE_BYTES = 1024 * 1024;
const VM = "test-own-domain";
const STORE = "unconfined_u:object_r:bulkhead_store_t:s0";

const bulkhead = (...args: string[]) => execute(COMMAND, args, { cwd: IMAGES });

test.before(async () => {
  await execute("chcon", ["-t", "bulkhead_exec_t", COMMAND]);
  await execute("chcon", ["-t", "bulkhead_keeper_exec_t", KEEPER]);
  await mkdir(IMAGES, { recursive: true });
  await writeFile(`${IMAGES}/disk0.img`, "");
  await truncate(`${IMAGES}/disk0.img`, IMAGE_BYTES);
  await writeFile(
    `${IMAGES}/vm.yaml`,
    `name: ${VM}
machine: {memory: 64M, cpus: 1, accel: kvm}
console: {serial: none}
shutdownGraceMs: 200
devices:
  - {id: disk0, role: disk, model: lsi53c895a, disk: {file: disk0.img}}
  - {id: net0, role: net, model: e1000, net: {disconnected: true}}
`,
  );
  await execute("chcon", ["-R", "-t", "bulkhead_store_t", IMAGES]);
});
test.after(() => rm(IMAGES, { recursive: true }));

async function inspect(): Promise<Inspection> {
  const { stdout } = await bulkhead("inspect", VM, "--json");
  return JSON.parse(stdout) as Inspection;
}

/** Those of all threads of the launcher, each once. */
function contextsOf({ launcher }: Inspection): Context[] {
  const contexts = launcher?.observed.map(({ selinuxContext }) => selinuxContext ?? "");
  return [...new Set(contexts)].map(parseContext);
}

test("started by its label it launches, narrows itself to its VM, restores labels, and nothing is denied", async () => {
  const { result, denials } = await recordDenials(async () => {
    await bulkhead("run", "--detach", "vm.yaml");
    const inspection = await inspect();
    const image = readLabel(`${IMAGES}/disk0.img`);
    await bulkhead("stop", "--now", VM);
    return { inspection, image };
  });
  assert.equal(
    denials.map(({ text }) => text),
    [],
  );
  const { inspection, image } = result;
  assert.equal([inspection.differences, inspection.launcher?.confined], [[], true]);
  const [supervisor, ...others] = contextsOf(inspection);
  assert.equal([supervisor?.type, others], ["bulkhead_supervisor_t", []]);
  const vm = parseContext(image ?? "");
  assert.is(vm.type, "bulkhead_image_t");
  assert.ok(dominates(supervisor?.high ?? [], vm.high), "it has the categories of its VM's image");
  const pair = vm.low.slice(0, 2);
  const lower = supervisor?.high.filter((category) => category < 512);
  assert.equal(lower, pair, "and of the half that makes pairs no other");
  assert.is(readLabel(`${IMAGES}/disk0.img`), STORE);
});

test("its directories have labels of their own, and its processes ended with the VM", async () => {
  for (const [path, type] of [
    ["/run/bulkhead", "bulkhead_runtime_t"],
    ["/var/log/bulkhead", "bulkhead_events_t"],
    ["/var/lib/bulkhead", "bulkhead_state_t"],
  ] as const) {
    assert.is(parseContext(readLabel(path) ?? "").type, type, path);
  }
  const { stdout } = await bulkhead("ps", "--json");
  assert.equal(JSON.parse(stdout), []);
});

test.run();
