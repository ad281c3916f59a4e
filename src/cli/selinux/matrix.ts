import type { Command } from "commander";
import { formatTable } from "../../machine/index.js";
import { computeMatrix, heldBy, type MatrixCell } from "../../selinux/index.js";
import { readVmFile, VMM_ID } from "../../spec/index.js";
import { ContentCache, openDirectories } from "../../state/index.js";
import { addPolicyOption, loadPolicy, type PolicyOption } from "./policy_option.js";

interface MatrixOptions extends PolicyOption {
  readonly json?: boolean;
  readonly weak?: boolean;
}

export function addMatrix(selinux: Command): void {
  addPolicyOption(
    selinux
      .command("matrix")
      .description(
        "Print what every process of a VM may do to every other's images, memory, channels, taps, nodes and to itself, of the same VM " +
          "and of another one beside it, and whether type or category refuses it.",
      )
      .argument("<file>", "VM file, or - for standard input"),
  )
    .option("--weak", "only what one of the two mechanisms alone refuses, and what neither does")
    .option("--json", "print JSON (schemaVersion 1): {cells: [{source, target, sameVm, act, allowed, byType, byCategory}]}")
    .addHelpText("after", "\nExamples:\n  bulkhead selinux matrix web1.yaml\n  bulkhead selinux matrix web1.yaml --weak")
    .action(async (file: string, options: MatrixOptions) => {
      const spec = await readVmFile(file, new ContentCache(openDirectories().cache));
      const devices = spec.devices.map(({ id, role }) => ({ id, role, isVmm: false }));
      const cells = computeMatrix(loadPolicy(options), [...devices, { id: VMM_ID, role: VMM_ID, isVmm: true }]);
      if (options.json === true) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, cells })}\n`);
      else process.stdout.write(describeCells(options.weak === true ? cells.filter(isWeak) : cells));
    });
}

function isWeak(cell: MatrixCell): boolean {
  return cell.byCategory !== null && heldBy(cell).length < 2;
}

function describeCells(cells: readonly MatrixCell[]): string {
  const rows = cells.map((cell) => {
    const where = cell.sameVm ? cell.target : `${cell.target} of another VM`;
    return [cell.source, cell.act, where, cell.allowed ? "allowed" : "refused", wordHolders(cell)];
  });
  return formatTable([["PROCESS", "MAY", "OF", "VERDICT", "BY"], ...rows]);
}

function wordHolders(cell: MatrixCell): string {
  const held = heldBy(cell);
  if (cell.allowed) return cell.sameVm ? "" : "although the VMs differ: categories do not constrain it";
  if (cell.byCategory === null) return "type; no rule allows it, so categories cannot be asked";
  return held.length === 2 ? "type and category" : `${held.join("")} alone`;
}
