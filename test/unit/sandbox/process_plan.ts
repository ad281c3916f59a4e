import { type ProcessPlan, planLaunch } from "../../../src/plan/index.js";
import { parseVmText } from "../../../src/spec/index.js";
import { planInputs } from "../../golden/plan_fixtures.js";

const VM = `name: web1
machine: {memory: 64M}
boot: {kernel: {file: vmlinuz}}
devices:
  - {id: disk0, role: disk, model: nvme, disk: {file: a.img}}
`;

/** The plan of one process, `disk0` or `vmm`, of a VM that boots a kernel on a host with every layer. */
export function planOfProcess(id: "disk0" | "vmm"): ProcessPlan {
  const spec = parseVmText(VM, { file: "web1.yaml", directory: "/vms" });
  const found = planLaunch(planInputs(spec)).processes.find((process) => process.id === id);
  if (found === undefined) throw new Error(`no process ${id}`);
  return found;
}
