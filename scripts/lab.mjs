// npm run lab: sets up, then runs a command in the lab VM. docs/lab.md.
import { startProgram } from "./start_program.mjs";

await startProgram("dist/src/compliance/lab/main.js");
