// npm start: sets up, then runs the demo, a VM whose disks are two confined processes.
import { startProgram } from "./start_program.mjs";

await startProgram("dist/examples/demo/main.js");
