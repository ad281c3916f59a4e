import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type BuildContext, type CacheEntry, ensureEntry, makeRunDirectory } from "../../../src/compliance/lab/cache.js";
import { runProgram } from "../../../src/compliance/lab/program.js";
import { suite } from "../../support/harness.js";

const test = suite("lab cache");
let cache = "";
const context: BuildContext = { progress: () => undefined };

test.beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "lab-cache-"));
  process.env["BULKHEAD_LAB_CACHE"] = cache;
});
test.afterEach(async () => {
  delete process.env["BULKHEAD_LAB_CACHE"];
  await rm(cache, { recursive: true });
});

function entry(inputs: unknown, onBuild: () => Promise<void> | void = () => undefined): CacheEntry {
  return {
    name: "thing",
    inputs,
    build: async (directory) => {
      await writeFile(join(directory, "content"), JSON.stringify(inputs));
      await onBuild();
    },
  };
}

test("cache: the same inputs are built once, others get an entry of their own", async () => {
  let builds = 0;
  const counted = (inputs: unknown) => entry(inputs, () => void builds++);
  const first = await ensureEntry(counted(1), context);
  assert.is(await ensureEntry(counted(1), context), first);
  assert.is.not(await ensureEntry(counted(2), context), first);
  assert.is(builds, 2);
  assert.is(await readFile(join(first, "content"), "utf8"), "1");
});

test("cache: two builders of one entry at once, one builds, the other waits for it", async () => {
  let builds = 0;
  const slow = entry("slow", async () => {
    builds++;
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  const [first, second] = await Promise.all([ensureEntry(slow, context), ensureEntry(slow, context)]);
  assert.is(first, second);
  assert.is(builds, 1);
});

test("cache: a build that fails leaves nothing, and the next one succeeds", async () => {
  const failing = entry("x", () => Promise.reject(new Error("no mirror")));
  const error = await ensureEntry(failing, context).then(
    () => null,
    (reason: unknown) => reason as Error,
  );
  assert.is(error?.message, "no mirror");
  assert.equal(await readdir(cache), ["thing.lock"]);
  assert.ok(await ensureEntry(entry("x"), context));
});

test("cache: what a killed builder left is removed by the next, another entry's is not", async () => {
  await mkdir(join(cache, ".building-thing-999999"));
  await mkdir(join(cache, ".building-thing-more-999999"));
  await ensureEntry(entry("x"), context);
  assert.equal(
    (await readdir(cache)).filter((name) => name.startsWith(".building")),
    [".building-thing-more-999999"],
  );
});

test("cache: an entry that another replaced goes once it is out of use, one in use and other names stay", async () => {
  const [old, used] = [await ensureEntry(entry("old"), context), await ensureEntry(entry("used"), context)];
  const other = join(cache, "thing-more-0123456789abcdef");
  await mkdir(other);
  const longAgo = new Date(Date.now() - 48 * 3_600_000);
  for (const path of [old, used, other]) await utimes(path, longAgo, longAgo);
  await ensureEntry(entry("used"), context);
  const now = await ensureEntry(entry("new"), context);
  const names = (await readdir(cache)).filter((name) => name !== "thing.lock").map((name) => join(cache, name));
  assert.equal(names.sort(), [used, now, other].sort());
});

test("cache: a run directory that was left behind goes after a day, a younger one stays", async () => {
  const [left, running] = [await makeRunDirectory(), await makeRunDirectory()];
  const longAgo = new Date(Date.now() - 48 * 3_600_000);
  await utimes(left, longAgo, longAgo);
  const mine = await makeRunDirectory();
  assert.equal((await readdir(cache)).map((name) => join(cache, name)).sort(), [running, mine].sort());
});

test("lock: one held by a process that was killed is free", async () => {
  const holder = spawn("flock", [join(cache, "thing.lock"), "sh", "-c", "echo held; exec sleep 60"], {
    stdio: ["ignore", "pipe", "inherit"],
    // A group of its own: the sleep holds the lock's descriptor as well, and both must go.
    detached: true,
  });
  await once(holder.stdout, "data");
  let waited = false;
  const built = ensureEntry(entry("x"), {
    progress: (line) => {
      if (!line.includes("another process builds it")) return;
      waited = true;
      process.kill(-(holder.pid ?? 0), "SIGKILL");
    },
  });
  assert.ok(await built);
  assert.ok(waited);
});

test("program: a failure shows what it said, a silent one says so, a slow one is ended", async () => {
  const code = async (command: string, timeoutMs = 5000): Promise<string> =>
    runProgram({ program: "sh", args: ["-c", command], timeoutMs }).then(
      () => "none",
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    );
  assert.match(await code("echo because >&2; exit 3"), /^lab-program-failed: .*ended with 3: because/);
  assert.match(await code("exit 4"), /it said nothing/);
  assert.match(await code("exec sleep 60", 100), /^lab-program-timeout/);
  assert.is(await code("true"), "none");
});

test("program: the signal's reason is what the caller gets", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("interrupted")), 50);
  const call = runProgram({ program: "sleep", args: ["60"], timeoutMs: 5000, signal: stop.signal });
  assert.is(
    await call.then(
      () => null,
      (error: Error) => error.message,
    ),
    "interrupted",
  );
});

test.run();
