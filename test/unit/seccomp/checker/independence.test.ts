import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../../support/harness.js";
import { repositoryRoot } from "../../../support/repository.js";

const test = suite("independence of the checker");

/**
 * What the checker may load from the rest of its room. Nothing of it makes programs: a table of numbers that a test holds
 * against libseccomp's, what the kernel makes of an answer, what the kernel refuses, and the wording of errors.
 */
const SHARED = ["src/errors/index.js", "src/seccomp/bpf_check.js", "src/seccomp/effect.js", "src/seccomp/syscall_numbers.js"];

const FOLDER = "src/seccomp/checker";
/** Imports that load something; `import type` is gone after compilation. */
const LOADING_IMPORT = /^(?:import|export) (?!type ).*?from "(\.[^"]+)";$/gms;

test("the checker loads none of the code that makes filters", () => {
  const foreign = readdirSync(join(repositoryRoot, FOLDER)).flatMap((file) => {
    const text = readFileSync(join(repositoryRoot, FOLDER, file), "utf8");
    const loaded = [...text.matchAll(LOADING_IMPORT)].map((match) => posix.join(FOLDER, match[1] as string));
    return loaded.filter((path) => !path.startsWith(`${FOLDER}/`) && !SHARED.includes(path));
  });
  assert.equal([...new Set(foreign)], []);
});

test.run();
