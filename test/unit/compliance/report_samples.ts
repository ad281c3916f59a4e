import type { ComplianceReport } from "../../../src/compliance/report/compliance_report.js";
import type { ControlText } from "../../../src/compliance/report/render_report.js";

/** What a process under attack may have printed. */
export const HOSTILE = `<script>alert("x")</script> ]]> # & ' \u001b[2J`;

/** One control of each verdict, on two roles. */
export function sampleReport(change: Partial<ComplianceReport> = {}): ComplianceReport {
  const control = { group: "syscalls", layer: null };
  return {
    schemaVersion: 1,
    tool: { name: "bulkhead", version: "0.1.0" },
    profile: "host",
    time: "2026-11-22T12:00:00.000Z",
    host: {
      kernel: "6.1.0",
      securityModules: ["landlock", "selinux"],
      qemu: "QEMU emulator version 7.2.22",
      libc: "glibc 2.36",
      policies: { disk: "ab".repeat(32), net: "cd".repeat(32) },
      layers: { seccomp: "enforced", selinux: "unavailable: no SELinux" },
    },
    controls: [
      { ...control, id: "SYS-01", title: "no socket", role: "disk", verdict: "passed", layer: "seccomp", evidence: ["SIGSYS"] },
      { ...control, id: "SYS-01", title: "no socket", role: "net", verdict: "failed", evidence: [HOSTILE] },
      { ...control, id: "SYS-02", title: "no hang", role: "disk", verdict: "broken", evidence: ["no answer in 2 s"] },
      { ...control, id: "SEL-01", title: "no trace", role: "disk", verdict: "unmet", evidence: ["no SELinux"] },
    ],
    plans: [{ role: "disk", differences: ["root./usr/bin/qemu.source: /usr/bin/qemu -> /opt/hostile"] }],
    depth: [
      {
        ...{ act: "SYS-01", role: "disk", bare: "socket succeeded" },
        alone: [{ layer: "seccomp", refuses: true }],
        without: [{ layer: "seccomp", refusedBy: "namespaces" }],
      },
    ],
    mutation: { key: "ef".repeat(32), mutants: 100, equivalent: 10, noticed: 88, uncovered: ["m-1", "m-2"] },
    ...change,
  };
}

export const SAMPLE_TEXTS: ReadonlyMap<string, ControlText> = new Map(
  ["SYS-01", "SYS-02", "SEL-01"].map((id) => [id, { title: `title of ${id}`, threat: HOSTILE }]),
);
