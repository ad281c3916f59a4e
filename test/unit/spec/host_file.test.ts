import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SpecError } from "../../../src/errors/index.js";
import { readHostFileIfPresent } from "../../../src/spec/host_file.js";
import { builtInHostConfig, parseHostText, readHostFile } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { FULL_HOST_TEXT, HOST_ORIGIN } from "./spec_texts.js";

const test = suite("host file", { needs: ["root"] });

let folder = "";
let file = "";
test.beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bulkhead-host-"));
  file = join(folder, "host.yaml");
  await writeFile(file, FULL_HOST_TEXT, { mode: 0o644 });
});
test.afterEach(() => rm(folder, { recursive: true }));

async function refusalOf(attempt: Promise<unknown>): Promise<SpecError> {
  const error = await attempt.then(
    () => assert.unreachable("nothing was refused"),
    (reason: unknown) => reason,
  );
  assert.instance(error, SpecError);
  return error as SpecError;
}

test("host file with every key: read into a HostConfig", async () => {
  const { source, ...host } = await readHostFile(file);
  assert.equal(host, {
    require: ["seccomp", "landlock"],
    imageRoots: ["/srv/images", "/srv/iso"],
    taps: ["tap*", "br0"],
    uids: { first: 200000, last: 265533 },
    categories: { first: 10, last: 500 },
    limits: { memoryPerVmBytes: 8 * 1024 ** 3, processesPerVm: 9 },
    qemu: { program: "/usr/local/bin/qemu", sysroot: "/srv/qemu-11" },
    hotPlug: true,
    programs: [
      { file: "/usr/lib/device", roles: ["reference-device"], interpreter: null, files: [] },
      { file: "/usr/lib/device.mjs", roles: ["a", "b"], interpreter: ["/usr/bin/node", "--jitless"], files: ["/usr/lib/a.node"] },
    ],
  });
  assert.is(source?.directory, folder);
  assert.is(source?.locate(["limits", "processesPerVm"]), `${file}:6:27`);
});

test("host file without keys: the built-in values, but for its source", () => {
  const { source, ...host } = parseHostText("{}", HOST_ORIGIN);
  const { source: noSource, ...builtIn } = builtInHostConfig();
  assert.equal(host, builtIn);
  assert.is(noSource, null);
  assert.is(source?.file, "host.yaml");
});

test("built-in host configuration: the values of the reference", () => {
  assert.equal(builtInHostConfig(), {
    require: ["seccomp", "namespaces", "no-new-privs"],
    imageRoots: null,
    taps: ["tap*"],
    uids: { first: 500000, last: 565535 },
    categories: { first: 0, last: 1023 },
    limits: { memoryPerVmBytes: 64 * 1024 ** 3, processesPerVm: 64 },
    qemu: { program: "/usr/bin/qemu-system-x86_64", sysroot: "/" },
    hotPlug: false,
    programs: [],
    source: null,
  });
});

test("default host file: absent gives the built-in configuration, present is read", async () => {
  assert.equal(await readHostFileIfPresent(join(folder, "absent.yaml")), builtInHostConfig());
  assert.is((await readHostFileIfPresent(file)).limits.processesPerVm, 9);
});

test("default host file: a symbolic link that leads nowhere is not an absent file", async () => {
  const link = join(folder, "link.yaml");
  await symlink(join(folder, "absent.yaml"), link);
  assert.is((await refusalOf(readHostFileIfPresent(link))).code, "spec-unreadable");
});

test("named host file: absent is refused", async () => {
  const error = await refusalOf(readHostFile(join(folder, "absent.yaml")));
  assert.is(error.code, "spec-unreadable");
  assert.match(error.message, /Cannot read the host file ".*absent.yaml": .*ENOENT/);
});

test("host file of another owner: refused before it is read", async () => {
  await writeFile(file, "not: [valid");
  await chown(file, 1234, 0);
  const error = await refusalOf(readHostFile(file));
  assert.is(error.code, "host-file-untrusted");
  assert.match(error.message, /belongs to uid 1234, not to root\. Check its content, then run: chown root/);
});

for (const mode of [0o664, 0o646, 0o666]) {
  test(`host file with mode ${mode.toString(8)}: refused`, async () => {
    await chmod(file, mode);
    const error = await refusalOf(readHostFile(file));
    assert.is(error.code, "host-file-untrusted");
    assert.ok(error.message.includes(`its mode ${mode.toString(8)} lets others write it`), error.message);
  });
}

test("host file behind a symbolic link: owner and mode are those of the opened file", async () => {
  const link = join(folder, "link.yaml");
  await symlink(file, link);
  assert.is((await readHostFile(link)).limits.processesPerVm, 9);
  await chmod(file, 0o666);
  assert.is((await refusalOf(readHostFile(link))).code, "host-file-untrusted");
});

test("a directory that others can write: its host file is refused, for another could stand in its place; a sticky one is not", async () => {
  await chmod(folder, 0o777);
  const error = await refusalOf(readHostFile(file));
  assert.is(error.code, "host-file-untrusted");
  assert.match(error.message, /others can put another in its place, for of its directory .*: its mode 777 lets others write it/);
  await chmod(folder, 0o1777);
  assert.is((await readHostFile(file)).limits.processesPerVm, 9);
  await chown(folder, 1234, 0);
  assert.match((await refusalOf(readHostFile(file))).message, /of its directory .*: it belongs to uid 1234/);
});

test("a link in a directory of root's to a file in one of another's: refused", async () => {
  const theirs = join(folder, "theirs");
  await mkdir(theirs);
  await writeFile(join(theirs, "host.yaml"), "{}\n");
  await chmod(theirs, 0o777);
  await symlink(join(theirs, "host.yaml"), join(folder, "link.yaml"));
  assert.is((await refusalOf(readHostFile(join(folder, "link.yaml")))).code, "host-file-untrusted");
});

test("a FIFO, a directory or a device as host file: refused without waiting", async () => {
  const fifo = join(folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  for (const path of [fifo, folder, "/dev/zero"]) {
    const error = await refusalOf(readHostFile(path));
    assert.is(error.code, "spec-unreadable");
    assert.match(error.message, /not a regular file/);
  }
});

test.run();
