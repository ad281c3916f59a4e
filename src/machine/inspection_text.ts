import type { FdPlan } from "../plan/index.js";
import { LAYERS } from "../spec/index.js";
import { escapeControls } from "../text/index.js";
import type { Inspection } from "./inspect.js";
import { formatTable } from "./text_table.js";

/** What a table says of a process's filter. */
interface PlannedFilter {
  readonly generator: string;
  readonly callsUntilLockDown: number;
  readonly callsAfterLockDown: number;
  readonly afterLockDown: string;
}

/** One row per layer and one column per process, then what each process was given, then the differences. */
export function describeInspection(inspection: Inspection): string {
  const { processes, differences } = inspection;
  const heading = ["LAYER", ...processes.map((process) => process.id.toUpperCase())];
  const counts = [
    ["pid", ...processes.map((process) => String(process.pid))],
    ["uid", ...processes.map((process) => String((process.layers.uid.planned as { uid: number }).uid))],
    ["threads", ...processes.map((process) => String(process.threads))],
    ["open fds", ...processes.map((process) => String((process.layers.fds.observed as readonly unknown[]).length))],
  ];
  const filters = processes.map((process) => process.layers.seccomp.planned as PlannedFilter);
  const seccomp = [
    ["filter by", ...filters.map(({ generator }) => generator)],
    ["calls to start", ...filters.map(({ callsUntilLockDown }) => String(callsUntilLockDown))],
    ["calls to run", ...filters.map(({ callsAfterLockDown }) => String(callsAfterLockDown))],
    ["others then", ...filters.map(({ afterLockDown }) => afterLockDown)],
  ];
  const rows = LAYERS.map((layer) => [layer, ...processes.map((process) => process.layers[layer].status)]);
  const given = processes.map(
    (process) =>
      `  ${process.id.padEnd(LONGEST_ID)}  ${describeGiven(process.layers.fds.planned as { given: readonly FdPlan[] })}`,
  );
  const sections = [
    `VM ${inspection.vm} is ${inspection.state}`,
    formatTable([heading, ...counts, ...seccomp, ...rows]) + describeShortfalls(inspection),
    `What each process was given beside /dev/null, its log and its monitor:\n${given.join("\n")}\n`,
  ];
  if (inspection.launcher !== null) sections.push(describeLauncher(inspection.launcher));
  if (differences.length > 0) {
    const lines = differences.map((one) => `  ${one.process}, ${one.layer}: planned ${one.planned}, observed ${one.observed}`);
    sections.push(`It differs from its plan:\n${lines.join("\n")}\n`);
  }
  return escapeControls(sections.join("\n"));
}

function describeLauncher({ pid, threads, confined, planned }: NonNullable<Inspection["launcher"]>): string {
  const of = `Launcher (pid ${pid}, ${threads} threads)`;
  if (!confined) return `${of}: not confined; the program that runs it keeps what it has\n`;
  const paths = planned.landlock === null ? "" : ", a Landlock domain";
  const domain = planned.selinux === undefined ? "" : `, as ${planned.selinux.context}`;
  const calls = `${planned.seccomp.run.length} syscalls`;
  return `${of}: capabilities ${planned.capabilities.join(" ") || "none"}, no new privileges, ${calls}${paths}${domain}\n`;
}

/** Why a layer is less than enforced; the same for all processes of a VM unless one differs from its plan. */
function describeShortfalls(inspection: Inspection): string {
  const lines = new Set<string>();
  for (const process of inspection.processes) {
    for (const layer of LAYERS) {
      const report = process.layers[layer];
      if (report.status === "partial") lines.add(`  ${layer} lacks ${report.lacks.join(", ")}: ${report.why}`);
      if (report.status === "unavailable") lines.add(`  ${layer}: ${report.why}`);
    }
  }
  return lines.size === 0 ? "" : `\n${[...lines].join("\n")}\n`;
}

/** Device ids have at most 16 characters; most are short. */
const LONGEST_ID = 8;
/** What every process has, and nobody needs to read four times. */
const COMMON_PURPOSES = ["standard input", "log", "monitor"];

function describeGiven(fds: { readonly given: readonly FdPlan[] }): string {
  return fds.given
    .filter((fd) => !COMMON_PURPOSES.includes(fd.purpose))
    .map((fd) => fd.purpose)
    .join(", ");
}
