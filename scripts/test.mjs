// npm test [-- unit|property|golden|integration|FILE]...: sets up, then runs the tests; the last line counts them.
import { setUp } from "./setup/steps.mjs";
import { runTestCommand } from "./test/main.mjs";

await setUp();
await runTestCommand(process.argv.slice(2));
