import * as assert from "uvu/assert";
import { readDeviceTree } from "../../../src/machine/device_tree.js";
import type { QmpClient } from "../../../src/machine/index.js";
import { suite } from "../../support/harness.js";

const test = suite("reading of the VMM's device tree");

/** Answers qom-list as this function says. */
function monitorOf(list: (path: string) => readonly { name: string; type: string }[]): QmpClient {
  return { execute: (_command: string, args: { path: string }) => Promise.resolve(list(args.path)) } as unknown as QmpClient;
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: { code: string }) => error.code,
  );

test("objects at every level are found, each type once; links and properties are not", async () => {
  const tree: Record<string, { name: string; type: string }[]> = {
    "/machine": [
      { name: "a", type: "child<A>" },
      { name: "l", type: "link<L>" },
      { name: "s", type: "string" },
    ],
    "/machine/a": [
      { name: "b[0]", type: "child<B>" },
      { name: "b[1]", type: "child<B>" },
    ],
    "/machine/a/b[1]": [{ name: "c", type: "child<C>" }],
  };
  assert.equal(await readDeviceTree(monitorOf((path) => tree[path] ?? [])), ["A", "B", "C"]);
});

test("a tree without end in depth or width is refused", async () => {
  assert.is(await codeOf(readDeviceTree(monitorOf(() => [{ name: "x", type: "child<X>" }]))), "device-tree-unbounded");
  const wide = Array.from({ length: 5000 }, (_, index) => ({ name: `x[${index}]`, type: "child<X>" }));
  assert.is(await codeOf(readDeviceTree(monitorOf((path) => (path === "/machine" ? wide : [])))), "device-tree-unbounded");
});

test.run();
