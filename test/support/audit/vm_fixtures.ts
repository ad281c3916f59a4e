import { type GraphProcess, makeFdGraph } from "../../../src/audit/facts/fd_graph.js";
import type { VmFacts } from "../../../src/audit/index.js";
import { known, type LiveFd } from "../../../src/observe/index.js";
import type { Layer } from "../../../src/spec/index.js";
import type { CheckFixtures } from "./fixture.js";
import { confinedProcess, openFd } from "./process_fixtures.js";

/** A VM that is what its plan says. */
export function plannedVm(changes: Partial<VmFacts> = {}): VmFacts {
  return {
    kind: "vm",
    subject: "VM web1",
    state: "running",
    plan: {} as VmFacts["plan"],
    differences: [],
    filtersUnread: [],
    unread: null,
    graph: { nodes: ["vmm", "disk0"], edges: [] },
    ...changes,
  };
}

const driftOf = (layer: Layer) => {
  const differences = [{ process: "disk0", pid: 12, layer, planned: "this", observed: "that" }];
  // The nearest that it must not flag: a difference of a layer that is another check's.
  const others = [{ ...(differences[0] as (typeof differences)[number]), layer: layer === "fds" ? "seccomp" : "fds" } as const];
  return { flagged: () => plannedVm({ differences }), twin: () => plannedVm({ differences: others }) };
};

const IMAGE = "8:100";

/** A process of a VM with these fds, which was given its image. */
export function graphProcess(id: string, list: readonly LiveFd[], given: GraphProcess["given"] = new Map()): GraphProcess {
  return { id, facts: confinedProcess({ pid: id.length, fds: known({ list, unread: null }) }), given };
}

/** disk0 has its image; `also`: disk1 has it too. */
function imageGraph(also: boolean): VmFacts["graph"] {
  const image = openFd({ fd: 9, kind: "file", link: "/images/disk0.img", inode: IMAGE });
  const given = new Map([[IMAGE, { purpose: "image of disk0", holders: ["disk0"] }]]);
  const processes = [graphProcess("disk0", [image], given), graphProcess("disk11", also ? [image] : [])];
  return makeFdGraph(processes, { vmm: "vmm", devices: ["disk0", "disk11"], servants: ["launcher"] });
}

export const VM_FIXTURES: CheckFixtures = {
  "vm-drift-filters": driftOf("seccomp"),
  "vm-drift-privileges": driftOf("capabilities"),
  "vm-drift-fds": driftOf("fds"),
  "vm-drift-isolation": driftOf("namespaces"),
  "vm-drift-label": driftOf("selinux"),
  "vm-drift-limits": driftOf("cgroup"),
  "vm-fd-topology": {
    flagged: () => plannedVm({ graph: imageGraph(true) }),
    twin: () => plannedVm({ graph: imageGraph(false) }),
  },
  "vm-unsupervised": { flagged: () => plannedVm({ state: "orphaned" }), twin: () => plannedVm() },
};
