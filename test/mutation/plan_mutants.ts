import { findLooseConfinement } from "../../src/compliance/boundary/confinement_rules.js";
import type { FdPlan, ProcessPlan } from "../../src/plan/index.js";
import type { JudgedMutant } from "./mutant.js";

/** Fds that belong to another process than any one role: each is given to every role that must not have it. */
const FOREIGN: readonly FdPlan[] = [
  { fd: 60, kind: "file", purpose: "mutant", access: "rw", source: { from: "image", device: "disk9", path: "other.img" } },
  { fd: 60, kind: "tap", purpose: "mutant", access: "rw", source: { from: "tap", name: "tap9" } },
  { fd: 60, kind: "unix-stream", purpose: "mutant", access: "rw", source: { from: "serial" } },
  { fd: 60, kind: "unix-stream", purpose: "mutant", access: "rw", source: { from: "monitor" } },
  { fd: 60, kind: "unix-stream", purpose: "mutant", access: "rw", source: { from: "channel", device: "disk9" } },
];

/** One more of what the role has anyway is no widening of what it reaches: a second image is the same disk's, a channel another device's. */
const OF_ITS_OWN: Readonly<Record<string, readonly string[]>> = {
  disk: ["image"],
  net: ["tap"],
  serial: ["serial"],
  vmm: ["serial", "channel"],
};

/** Every mutant of one process's plan, judged by what every process of its role must be. */
export function judgePlanMutants(plan: ProcessPlan): JudgedMutant[] {
  const change = (id: string, changed: Partial<ProcessPlan>): JudgedMutant => {
    const [found] = findLooseConfinement({ ...plan, ...changed });
    const outcome = found === undefined ? ({ kind: "uncovered" } as const) : noticed(found);
    return { id: `${plan.role}/${id}`, layer: "plan", outcome };
  };
  const { namespaces, fds, root, landlock } = plan;
  return [
    ...namespaces.map((name) => change(`share-namespace/${name}`, { namespaces: namespaces.filter((one) => one !== name) })),
    ...["CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_DAC_OVERRIDE"].map((name) =>
      change(`add-capability/${name}`, { capabilities: [name] }),
    ),
    ...FOREIGN.filter(({ source }) => OF_ITS_OWN[plan.role]?.includes(source.from) !== true).map((fd) =>
      change(`add-fd/${fd.source.from}`, { fds: [...fds, fd] }),
    ),
    ...root.map((entry) =>
      change(`write-root${entry.target}`, { root: root.map((one) => (one === entry ? { ...one, access: "rw" as const } : one)) }),
    ),
    change("run-as-root", { uid: 0 }),
    change("run-in-root-group", { gid: 0 }),
    change("add-environment/LD_PRELOAD", { env: { ...plan.env, LD_PRELOAD: "/tmp/x.so" } }),
    ...["/", "/etc", "/dev"].map((path) => {
      return landlock === null
        ? change(`open${path}`, {})
        : change(`open${path}`, { landlock: { ...landlock, rules: [...landlock.rules, { path, access: ["read_file"] }] } });
    }),
  ];
}

function noticed(evidence: string): JudgedMutant["outcome"] {
  return { kind: "noticed", by: "reviewed confinement", evidence };
}
