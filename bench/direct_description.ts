import type { FdPlan, LaunchPlan, ProcessPlan } from "../src/plan/index.js";

/** The text that native/bench/direct_machine.cc starts a VM from: the plan's command lines, fds and monitor commands. */
export function describeForDirectStart(plan: LaunchPlan): string {
  return `${plan.processes.flatMap(describeProcess).join("\n")}\n`;
}

function describeProcess(process: ProcessPlan): string[] {
  return [
    "process",
    ...process.fds.map((fd) => `fd ${fd.fd} ${describeSource(fd)}`),
    ...process.argv.map((argument) => `arg ${argument}`),
    ...process.monitor.map((command) => `send ${JSON.stringify(command)}`),
  ];
}

function describeSource({ source }: FdPlan): string {
  switch (source.from) {
    case "monitor":
    case "serial":
      return source.from;
    case "channel":
      return `channel ${source.device}`;
    case "image":
      return `image ${source.path}`;
    case "backing":
    case "data":
      throw new Error("a benchmark's image has no other file");
    case "null":
    case "log":
      return "null";
    case "tap":
      throw new Error("a benchmark's card has no tap");
  }
}
