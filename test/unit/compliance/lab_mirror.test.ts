import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { chooseArchive, findDebianMirror, parseDeb822Sources, parseListSources } from "../../../src/compliance/lab/mirror.js";
import { suite } from "../../support/harness.js";

const test = suite("lab mirror");

const SECURITY = "Types: deb\nURIs: http://archive.test/debian-security\nSuites: bookworm-security\nComponents: main\n";
const ARCHIVE = [
  "Types: deb deb-src",
  "# a comment",
  "URIs: http://archive.test/debian",
  "Suites: bookworm",
  " bookworm-updates",
  "Components: main contrib",
  "",
].join("\n");

test("deb822 sources: the stanza of the archive is taken, the security archive is not", () => {
  assert.is(chooseArchive(parseDeb822Sources(`${SECURITY}\n${ARCHIVE}`)), "http://archive.test/debian");
});

test("deb822 sources: a disabled stanza is left out", () => {
  assert.is(chooseArchive(parseDeb822Sources(`Enabled: no\n${ARCHIVE}`)), null);
});

test("deb822 sources: a stanza of sources only is left out", () => {
  assert.equal(parseDeb822Sources(ARCHIVE.replace("deb deb-src", "deb-src")), []);
});

test("one-line sources: options, comments and other archives are passed over", () => {
  const text = [
    "# deb http://commented.test/debian trixie main",
    "deb [arch=amd64] https://vendor.test/apt tools main",
    "deb-src http://sources.test/debian trixie main",
    "deb [signed-by=/k.gpg arch=amd64] http://archive.test/debian trixie main # yes",
  ].join("\n");
  assert.is(chooseArchive(parseListSources(text)), "http://archive.test/debian");
});

test("archive: a URI that mmdebstrap cannot fetch from is not chosen", () => {
  assert.is(chooseArchive(parseListSources("deb cdrom:[Debian]/ trixie main")), null);
});

test("archive: one without component main is not chosen", () => {
  assert.is(chooseArchive(parseListSources("deb http://archive.test/debian trixie contrib")), null);
});

test("host sources: files of both formats are read; a host without a Debian archive gets a remedy", async () => {
  const etc = await mkdtemp(join(tmpdir(), "lab-mirror-"));
  try {
    await mkdir(join(etc, "sources.list.d"));
    await writeFile(join(etc, "sources.list.d/other.list"), "deb http://vendor.test/apt tools main\n");
    const error = await findDebianMirror(etc).then(
      () => null,
      (reason: unknown) => reason as { code: string; message: string },
    );
    assert.is(error?.code, "lab-no-mirror");
    assert.match(error?.message ?? "", "BULKHEAD_LAB_MIRROR");
    await writeFile(join(etc, "sources.list.d/debian.sources"), ARCHIVE);
    assert.is(await findDebianMirror(etc), "http://archive.test/debian");
  } finally {
    await rm(etc, { recursive: true });
  }
});

test.run();
