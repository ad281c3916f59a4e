import type { CompiledPolicy } from "../kernel/index.js";
import { dominates } from "./categories.js";
import { formatContext, parseContext } from "./context.js";
import { labelProcess, type ProcessLabels } from "./vm_labels.js";

/** A process of the VM that a matrix is made for. */
export interface MatrixProcess {
  readonly id: string;
  readonly role: string;
  readonly isVmm: boolean;
}

/** What one process may do to one thing of another, and which of the two mechanisms refuses it. */
export interface MatrixCell {
  /** `disk0` of the first VM. */
  readonly source: string;
  /** `disk1` of the same VM, or of the one beside it. */
  readonly target: string;
  readonly sameVm: boolean;
  readonly act: string;
  readonly allowed: boolean;
  readonly byType: boolean;
  /** Null where no type rule of the policy allows the act to anybody, so that categories cannot be asked. */
  readonly byCategory: boolean | null;
}

/** An act on a kind of object, and a role that a type rule allows it to, to ask for the categories. */
interface Act {
  readonly name: string;
  readonly asks: readonly [objectClass: string, permission: string];
  readonly target: (labels: ProcessLabels) => string;
  /** Whether the target has such an object. */
  readonly has: (target: MatrixProcess) => boolean;
  /** Null: the target's own. */
  readonly probeRole: string | null;
}

const SPEAK = ["unix_stream_socket", "write"] as const;
const everybody = () => true;
const isDisk = ({ role }: MatrixProcess) => role === "disk";
const isNet = ({ role }: MatrixProcess) => role === "net";
const isVmm = ({ isVmm }: MatrixProcess) => isVmm;

const ACTS: readonly Act[] = [
  { name: "read its image", asks: ["file", "read"], target: ({ image }) => image, has: isDisk, probeRole: "disk" },
  { name: "write its image", asks: ["file", "write"], target: ({ image }) => image, has: isDisk, probeRole: "disk" },
  { name: "write its tap", asks: ["chr_file", "write"], target: ({ tap }) => tap, has: isNet, probeRole: "net" },
  { name: "open its device nodes", asks: ["chr_file", "open"], target: ({ node }) => node, has: everybody, probeRole: "disk" },
  { name: "write its guest's memory", asks: ["file", "write"], target: memoryOf, has: isVmm, probeRole: "disk" },
  { name: "speak on its channels", asks: SPEAK, target: ({ channel }) => channel, has: everybody, probeRole: "disk" },
  { name: "speak on its monitor", asks: SPEAK, target: ({ monitor }) => monitor, has: everybody, probeRole: "disk" },
  { name: "write its log", asks: ["fifo_file", "write"], target: ({ log }) => log, has: everybody, probeRole: "disk" },
  { name: "signal it", asks: ["process", "signal"], target: ({ process }) => process, has: everybody, probeRole: null },
  { name: "trace it", asks: ["process", "ptrace"], target: ({ process }) => process, has: everybody, probeRole: null },
  { name: "use an fd that it opened", asks: ["fd", "use"], target: ({ process }) => process, has: everybody, probeRole: null },
];

/** Guest memory is labelled by a transition of the VMM's: at the level of the channels, with a type of its own. */
function memoryOf({ channel }: ProcessLabels): string {
  return channel.replace("bulkhead_channel_t", "bulkhead_memory_t");
}

/** Any two pairs and process categories stand for all: what counts is which are equal. */
const PAIRS = [
  [0, 1],
  [2, 3],
] as const;
const FIRST_OWN_CATEGORY = 512;
const LAUNCHER = "system_u:system_r:bulkhead_t:s0-s0:c0.c1023";

/** What every process of a VM may do to everything of every other, of its VM and of another one with the same processes. */
export function computeMatrix(policy: CompiledPolicy, processes: readonly MatrixProcess[]): MatrixCell[] {
  const [own, other] = PAIRS.map((pair) =>
    processes.map((process, index) => ({
      ...process,
      labels: labelProcess({ launcher: LAUNCHER, pair, category: FIRST_OWN_CATEGORY + index, ...process }),
    })),
  );
  return (own ?? []).flatMap((source) =>
    [own ?? [], other ?? []].flatMap((targets, vm) =>
      targets
        .filter((target) => vm === 1 || target.id !== source.id)
        .flatMap((target) =>
          ACTS.filter(({ has }) => has(target)).map((act) => {
            const verdict = judge(policy, act, source.labels.process, act.target(target.labels));
            return { source: source.id, target: target.id, sameVm: vm === 0, act: act.name, ...verdict };
          }),
        ),
    ),
  );
}

type Verdict = Pick<MatrixCell, "allowed" | "byType" | "byCategory">;

function judge(policy: CompiledPolicy, act: Act, source: string, target: string): Verdict {
  const [objectClass, permission] = act.asks;
  const ask = (from: string, to: string) => policy.decide({ source: from, target: to, objectClass, permissions: [permission] });
  const allowed = ask(source, target).denied.length === 0;
  // With the target's categories taken away only types can refuse; with a type that is allowed it, only categories can.
  const byType = ask(source, withoutCategories(target)).refusedBy.includes("typeRule");
  return { allowed, byType, byCategory: judgeCategory(ask, act, source, target) };
}

type Ask = (from: string, to: string) => ReturnType<CompiledPolicy["decide"]>;

function judgeCategory(ask: Ask, act: Act, source: string, target: string): boolean | null {
  const [from, to] = [parseContext(source), parseContext(target)];
  if (dominates(from.high, to.high)) return false;
  // A process is allowed something of its own kind where it is allowed it of any; a role that no rule allows cannot be asked with.
  const role = act.probeRole ?? /^bulkhead_(.*)_t$/.exec(to.type)?.[1] ?? "";
  const probe = formatContext({ ...from, type: `bulkhead_${role}_t` });
  const answer = ask(probe, target);
  if (answer.refusedBy.includes("constraint")) return true;
  return answer.denied.length === 0 ? false : null;
}

function withoutCategories(context: string): string {
  return formatContext({ ...parseContext(context), low: [], high: [] });
}

/** How many mechanisms keep the source from it: 0 means that it is allowed. */
export function heldBy({ byType, byCategory }: MatrixCell): readonly ("type" | "category")[] {
  return [...(byType ? (["type"] as const) : []), ...(byCategory === true ? (["category"] as const) : [])];
}
