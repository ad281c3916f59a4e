import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

const BYTES_PER_GIB = 1024 ** 3;

/** With more than this share of the processors busy, what is measured waits for others, and the spread says little. */
const BUSY_SHARE = 0.5;

/** What the numbers were measured on: without it they mean nothing. */
export function describeMachine(): string[] {
  const processors = cpus();
  const load = loadavg();
  const isBusy = (load[0] ?? 0) > processors.length * BUSY_SHARE;
  return [
    `kernel      Linux ${release()}`,
    `processors  ${processors.length} x ${processors[0]?.model ?? "unknown"}, ${(totalmem() / BYTES_PER_GIB).toFixed(0)} GiB`,
    `load        ${load.map((value) => value.toFixed(2)).join(" ")} (1, 5, 15 minutes) when the run began`,
    `programs    Node ${process.version}; ${firstLine("qemu-system-x86_64", "--version")}; ${firstLine("bwrap", "--version")}`,
    ...(isBusy ? ["warning     others keep this machine busy: run again when they do not"] : []),
  ];
}

function firstLine(program: string, option: string): string {
  return execFileSync(program, [option], { encoding: "utf8" }).split("\n")[0] ?? "";
}
