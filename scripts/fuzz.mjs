// npm run fuzz [-- --messages N] [--seed N] [--launches N]: the fuzzing of npm test, for as long as you like.
//   --messages N   that each device of ours takes (default: 2000000)
//   --launches N   of eight of QEMU's device processes each, confined (default: 50)
//   --seed N       to see again what was seen (default: drawn)
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { buildSanitized } from "./setup/sanitized_builds.mjs";
import { setUp } from "./setup/steps.mjs";
import { runTestCommand } from "./test/main.mjs";

/** A whole day, in ms: how long it takes is what its options say. */
const DEADLINE_MS = 86_400_000;
const SEED_END = 2 ** 31;

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "2000000" },
    launches: { type: "string", default: "50" },
    seed: { type: "string", default: String(randomInt(SEED_END)) },
  },
});
await setUp([buildSanitized]);
process.env.BULKHEAD_FUZZ_MESSAGES = values.messages;
process.env.BULKHEAD_FUZZ_LAUNCHES = values.launches;
process.env.BULKHEAD_FUZZ_SEED = values.seed;
console.log(`seed ${values.seed}`);
const files = ["test/property/sanitized.test.ts", "test/integration/hostile_vmm_sandbox.test.ts"];
await runTestCommand(["--deadline-ms", String(DEADLINE_MS), ...files]);
