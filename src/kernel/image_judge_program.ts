import { fileURLToPath } from "node:url";

/** The program that judges images, from dist/src/kernel/ to where set-up builds it: native/judge/image_judge.cc. */
export const IMAGE_JUDGE_PROGRAM = fileURLToPath(new URL("../../../native/build/judge/image_judge", import.meta.url));
