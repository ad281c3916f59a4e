import { createHash } from "node:crypto";
import type { HostFacts } from "../../host/index.js";
import { installedVersion } from "../../machine/index.js";
import { loadRolePolicy } from "../../policy/index.js";
import { LAYERS, type LayerStatus, type LayerStatuses } from "../../spec/index.js";
import type { HostileRequest } from "../hostile/hostile_vm.js";
import type { ReportedHost } from "../report/compliance_report.js";

/** What a report says of the host and the policies that were judged. */
export async function describeHost(
  request: HostileRequest,
  judged: { readonly facts: HostFacts; readonly statuses: LayerStatuses; readonly roles: readonly string[] },
): Promise<ReportedHost> {
  const { directories, qemu, policyFolder } = request;
  const { facts, statuses, roles } = judged;
  return {
    kernel: facts.kernelRelease,
    securityModules: facts.securityModules,
    qemu: await installedVersion(directories.cache, qemu),
    libc: readLibc(),
    policies: Object.fromEntries(roles.map((role) => [role, hashPolicy(policyFolder, role)])),
    layers: Object.fromEntries(LAYERS.map((layer) => [layer, wordStatus(statuses[layer])])),
  };
}

function wordStatus(status: LayerStatus): string {
  if (status.status === "enforced") return "enforced";
  return `${status.status}: ${status.why}`;
}

/** Of the resolved policy, so that a change to what it includes shows as well. Numbers of 64 bits as text. */
function hashPolicy(folder: string, role: string): string {
  const policy = loadRolePolicy({ folder, role });
  const text = JSON.stringify(policy, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  return createHash("sha256").update(text).digest("hex");
}

/** As Node's own diagnostic report has it; its types leave the header out. */
function readLibc(): string {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? "unknown" : `glibc ${header.glibcVersionRuntime}`;
}
