import * as assert from "uvu/assert";
import { collectFailures } from "../../../src/machine/collect_failures.js";
import { suite } from "../../support/harness.js";

const test = suite("undoing in steps");

test("a step that throws, or rejects, does not keep the later ones from being taken, in order", async () => {
  const taken: string[] = [];
  const failures = await collectFailures([
    () => {
      taken.push("first");
      throw new Error("one");
    },
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      taken.push("second");
      throw new Error("two");
    },
    () => taken.push("third"),
  ]);
  assert.equal(taken, ["first", "second", "third"]);
  assert.equal(
    failures.map((failure) => (failure as Error).message),
    ["one", "two"],
  );
});

test.run();
