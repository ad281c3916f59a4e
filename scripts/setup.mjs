// npm run setup, npm run build: makes a checkout on Debian 12 ready to run and test: packages, native builds, TypeScript.
// Compiles only what has changed and does nothing when all is there.
import { setUp } from "./setup/steps.mjs";

await setUp();
