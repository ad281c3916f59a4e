// Draws and leases pairs as a launcher does, and prints them: STATE VM COUNT. For category_draws.test.ts.
import { drawPair } from "../../src/selinux/index.js";
import { leaseCategories, openDirectories } from "../../src/state/index.js";

const [state = "", vm = "", count = "0"] = process.argv.slice(2);
const directories = openDirectories({ BULKHEAD_STATE: state });
const range = { first: 0, last: 1023 };
for (let draw = 0; draw < Number(count); draw += 1) {
  const pair = drawPair(range, [], (drawn) => leaseCategories(directories, drawn, vm));
  process.stdout.write(`${pair.join(",")}\n`);
}
