import { fileURLToPath } from "node:url";

/** The program that asks the kernel for a filter's answers, from dist/src/kernel/ to where set-up builds it. */
export const FILTER_PROBE_PROGRAM = fileURLToPath(new URL("../../../native/build/filter_probe/filter_probe", import.meta.url));
