import { readFileSync } from "node:fs";

let known: string | undefined;

/** Changes with every boot: random(4), /proc/sys/kernel/random/boot_id. Records of another boot name nothing that lives. */
export function bootId(): string {
  known ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return known;
}
