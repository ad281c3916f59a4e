import type { LaunchPlan, ProcessPlan } from "../plan/index.js";
import { LAYERS } from "../spec/index.js";

/** A plan for people: one block per process, then the layers that fall short. */
export function describePlan(plan: LaunchPlan): string {
  const head = `VM ${plan.vm}: ${plan.machine.accel} (${plan.machine.accelWhy}), ${plan.machine.memoryBytes >> 20} MiB, ${plan.machine.cpus} CPU\n`;
  return [head, ...plan.processes.map(describeProcess), describeLauncher(plan), describeShortfalls(plan)].join("\n");
}

function describeProcess(process: ProcessPlan): string {
  const lines = [
    `${process.id} (role ${process.role}), uid ${process.uid}`,
    ...(process.warning === undefined ? [] : [`  warning     ${process.warning}`]),
    `  argv        ${process.argv.map(quoteArgument).join(" ")}`,
    ...process.fds.map((fd) => `  fd ${String(fd.fd).padEnd(8)} ${fd.kind} ${fd.access}: ${fd.purpose}`),
    `  own fds     ${process.selfMade.map((made) => `${made.kind} <= ${made.max}`).join(", ") || "none"}`,
    `  namespaces  ${process.namespaces.join(" ")}`,
    `  root        ${process.root.length} entries, /dev: ${process.nodes.map((node) => node.name).join(" ") || "empty"}`,
    ...describeFilter(process),
    `  landlock    ${process.landlock === null ? "none" : process.landlock.rules.map((rule) => rule.path).join(" ")}`,
    `  cgroup      ${process.cgroup?.path ?? "none"}`,
    ...process.monitor.map((command) => `  attach      ${command.execute} ${JSON.stringify(command.arguments ?? {})}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** How many system calls it holds before and after lock-down, and what becomes of one that it does not hold any more. */
function describeFilter({ seccomp, afterLockDown, attach, absent }: ProcessPlan): string[] {
  const { start, run, instructions, generator, generatorWhy } = seccomp;
  const answer = afterLockDown === "kill" ? "ends the process" : "is refused";
  const files = [...attach.map(({ path, access }) => `${path} (${access})`), ...absent.map(({ path }) => `${path} (none)`)];
  return [
    `  seccomp     ${start.length + run.length} syscalls until lock-down, ${run.length} after it; another then ${answer}`,
    ...(files.length === 0 ? [] : [`  opens then  ${files.join(", ")}`]),
    `  filter      ${instructions} instructions by ${generator}`,
    `              ${generatorWhy}`,
  ];
}

/** What `bulkhead run` keeps once the guest runs. */
function describeLauncher({ launcher: { capabilities, seccomp, landlock, selinux } }: LaunchPlan): string {
  const lines = [
    "launcher, once the guest runs",
    `  capabilities ${capabilities.join(" ") || "none"}`,
    `  seccomp     ${seccomp.run.length} syscalls, ${seccomp.instructions} instructions`,
    `  landlock    ${landlock === null ? "none" : landlock.rules.map((rule) => rule.path).join(" ")}`,
    ...(selinux === undefined ? [] : [`  selinux     ${selinux.context}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

function describeShortfalls(plan: LaunchPlan): string {
  const layers = plan.processes[0]?.layers;
  if (layers === undefined) return "";
  const lines = LAYERS.flatMap((layer) => {
    const status = layers[layer];
    return status.status === "enforced" ? [] : [`  ${layer}: ${status.status}: ${status.why}`];
  });
  return lines.length === 0 ? "All layers enforced.\n" : `All layers enforced but:\n${lines.join("\n")}\n`;
}
