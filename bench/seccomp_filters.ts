import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { listRoles, loadCallFrequencies, loadRolePolicy } from "../src/policy/index.js";
import { compileWithLibseccomp } from "../src/seccomp/compile_libseccomp.js";
import {
  AUDIT_ARCH_X86_64,
  type BpfProgram,
  type CallFrequency,
  type ChosenProgram,
  chooseProgram,
  combinePhases,
  evaluate,
  isConstantAllow,
  prove,
  SYSCALL_NUMBERS,
} from "../src/seccomp/index.js";
import { type Benchmark, benchProgram, POLICY_FOLDER, type Result, type Workshop } from "./benchmark.js";
import { interleave } from "./interleave.js";
import { LineProgram } from "./line_program.js";
import { describeSummary, difference, pairUp, summarize } from "./statistics.js";

const HOT_CALLS = 20;
const PROOF_ROUNDS = 9;
const PROOF_MS_MAX = 50;
const SET_MS_MAX = 500;
const CALL_ROUNDS = 40;
const CALLS_PER_ROUND = 20_000;
/** An fd that is not open, and a range without pages: the kernel answers both at once. */
const CALLS = {
  "read(-1), which the filter is skipped for": `${SYSCALL_NUMBERS.get("read")} 18446744073709551615 0 0`,
  "madvise of nothing, which runs the filter": `${SYSCALL_NUMBERS.get("madvise")} 0 0 4`,
} as const;

interface RoleFilter {
  readonly role: string;
  readonly policy: ReturnType<typeof loadRolePolicy>["seccomp"];
  readonly frequencies: readonly CallFrequency[];
  readonly program: ChosenProgram;
}

async function run(workshop: Workshop): Promise<Result[]> {
  const { filters, results } = timeSet();
  const perRole = filters.flatMap((filter) => [...judgeHotCalls(filter, workshop), judgeProof(filter)]);
  return [...perRole, ...results, ...(await timeCalls(filters[0] as RoleFilter, workshop))];
}

/** The whole policy set, in a process that has not read or compiled any of it before. */
function timeSet(): { readonly filters: RoleFilter[]; readonly results: Result[] } {
  const started = performance.now();
  const policies = listRoles(POLICY_FOLDER).map(readRole);
  const readMs = performance.now() - started;
  const filters = policies.map((one) => ({ ...one, program: chooseProgram({ ...one, phases: "lock-down" }) }));
  const compiledMs = performance.now() - started - readMs;
  const read: Result = {
    subject: `${filters.length} roles: their policies and frequencies read`,
    goal: null,
    measured: `${readMs.toFixed(0)} ms`,
    met: null,
  };
  const compiled: Result = {
    subject: `${filters.length} roles: compiled by three generators and proved, libseccomp loaded for it`,
    goal: `under ${SET_MS_MAX} ms`,
    measured: `${compiledMs.toFixed(0)} ms`,
    met: compiledMs < SET_MS_MAX,
  };
  return { filters, results: [read, compiled] };
}

function readRole(role: string): Omit<RoleFilter, "program"> {
  const policy = loadRolePolicy({ folder: POLICY_FOLDER, role }).seccomp;
  return { role, policy, frequencies: loadCallFrequencies({ folder: POLICY_FOLDER, role }) };
}

/** Instructions run for each of the hottest calls, against libseccomp's best. */
function judgeHotCalls({ role, policy, frequencies, program }: RoleFilter, { detail }: Workshop): Result[] {
  // Nobody has counted the calls of the launcher and of the image judge.
  if (frequencies.length === 0) return [];
  const hot = [...frequencies].sort((a, b) => b.count - a.count).slice(0, HOT_CALLS);
  const peers = (["chain", "binary-tree"] as const).map((lookup) =>
    compileWithLibseccomp(policy, { phases: "lock-down", lookup }),
  );
  const rows = hot.map((call) => ({ call, own: executed(program, call), peers: peers.map((peer) => executed(peer, call)) }));
  for (const { call, own, peers: others } of rows) {
    detail(
      `${role} ${call.syscall}(${call.args.join(", ")}) ${call.count} per million: ${own} instructions, libseccomp ${others.join(" and ")}`,
    );
  }
  const more = rows.filter(({ own, peers: others }) => own > Math.min(...others));
  const average = (steps: (row: (typeof rows)[number]) => number): string =>
    (rows.reduce((sum, row) => sum + steps(row), 0) / rows.length).toFixed(1);
  const free = hot.filter(({ syscall }) => !policy.run.some((rule) => rule.syscall === syscall && rule.checks.length > 0));
  const skipped = free.filter((call) => isConstantAllow(program.instructions, SYSCALL_NUMBERS.get(call.syscall) as number));
  return [
    {
      subject: `${role}: instructions for its ${hot.length} hottest calls, by ${program.choice.generator}`,
      goal: "for none more than either of libseccomp's",
      measured: `${average(({ own }) => own)}; libseccomp ${[0, 1].map((peer) => average((row) => row.peers[peer] as number)).join(" and ")}; more for ${more.length}`,
      met: more.length === 0,
    },
    {
      subject: `${role}: hot calls without argument checks that the kernel skips the filter for`,
      goal: "all",
      measured: `${skipped.length} of ${free.length}`,
      met: skipped.length === free.length,
    },
  ];
}

function executed({ instructions }: BpfProgram, { syscall, args }: CallFrequency): number {
  return evaluate(instructions, { number: SYSCALL_NUMBERS.get(syscall) as number, arch: AUDIT_ARCH_X86_64, args }).executed;
}

function judgeProof({ role, policy, program }: RoleFilter): Result {
  const rules = combinePhases(policy, "lock-down");
  const times = Array.from({ length: PROOF_ROUNDS }, () => {
    const started = performance.now();
    if (prove(rules, program).equal !== true) throw new Error(`the filter of ${role} is not proved`);
    return performance.now() - started;
  });
  const summary = summarize(times);
  return {
    subject: `${role}: proof of its filter`,
    goal: `under ${PROOF_MS_MAX} ms`,
    measured: describeSummary(summary, "ms", 1),
    met: summary.median < PROOF_MS_MAX,
  };
}

/** The same calls in two processes, one of them under the filter, in turn. */
async function timeCalls({ role, program }: RoleFilter, workshop: Workshop): Promise<Result[]> {
  const path = join(workshop.directory, "filter.bpf");
  await writeFile(path, program.bytes);
  const filtered = await LineProgram.start([benchProgram("filtered_calls"), path]);
  const free = await LineProgram.start([benchProgram("filtered_calls"), "none"]);
  const results: Result[] = [];
  try {
    for (const [name, call] of Object.entries(CALLS)) {
      const nsPerCall = async (caller: LineProgram): Promise<number> =>
        Number(await caller.ask(`${CALLS_PER_ROUND} ${call}`)) / CALLS_PER_ROUND;
      const times = await interleave(
        { rounds: CALL_ROUNDS, pauseMs: 0 },
        { filtered: () => nsPerCall(filtered), free: () => nsPerCall(free) },
      );
      const more = summarize(pairUp(times.filtered, times.free, difference));
      results.push({
        subject: `${role}: ${name}: added by the filter to ${summarize(times.free).median.toFixed(0)} ns`,
        goal: null,
        measured: describeSummary(more, "ns", 1),
        met: null,
      });
    }
  } finally {
    await Promise.all([filtered.end(), free.end()]);
  }
  return results;
}

export const seccompFilters: Benchmark = {
  name: "seccomp-filters",
  summary: "instructions and time that filters cost the hottest calls, against libseccomp's; time to compile and prove",
  run,
};
