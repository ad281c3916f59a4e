import type { AnyCheck } from "../check.js";
import { processNoNewPrivs } from "./process_no_new_privs.js";
import { seccompX32Open } from "./seccomp_x32_open.js";

/** Every check, in the order in which they are listed and run. */
export const CHECKS: readonly AnyCheck[] = [seccompX32Open, processNoNewPrivs];
