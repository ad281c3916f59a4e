import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import {
  auditFilter,
  declaredEntries,
  type ForeignPolicy,
  isJudgedLoss,
  type PolicyFacts,
  placeJsonRules,
  readCilFacts,
  readCompiledFacts,
  type SelinuxFacts,
  type TargetFacts,
  traceGrants,
  traceRules,
  type Unknown,
} from "../../audit/index.js";
import { SpecError } from "../../errors/index.js";
import { loadRolePolicy } from "../../policy/index.js";
import { type FilterSource, stackPrograms } from "../../seccomp/index.js";
import { CompiledPolicy } from "../../selinux/index.js";
import { POLICY_FOLDER } from "../installation.js";
import { type Input, readInput, readLoadableProgram, requireLoadable } from "../seccomp/read_input.js";
import { isProgram, type ReadPolicy, readPolicyInput } from "../seccomp/read_policy.js";
import { placeRules } from "./place_rules.js";
import type { TargetOptions } from "./read_target.js";
import { readVmFileTarget } from "./read_vm_file_target.js";

/** Keys that only a VM file has at its left edge; policies of ours begin with `role` or `set`. */
const VM_FILE = /^(machine|devices)\s*:/m;
/** Its first statement is a list with a keyword. */
const CIL = /^(\s|;[^\n]*\n)*\([a-z]+[\s(]/;
/** POLICYDB_MAGIC, little-endian: libsepol/include/sepol/policydb/policydb.h. */
const POLICY_MAGIC = Buffer.from([0x8c, 0xff, 0x7c, 0xf9]);
const OWN_POLICY = /^(role|set)\s*:/m;

/** Reads a file for what its content is: a VM file, a program, or a policy of any format. Throws what their readers throw. */
export async function readFileTarget(path: string, options: TargetOptions): Promise<TargetFacts> {
  if (isCompiledPolicy(path)) return selinuxTarget(path, readCompiledFacts(path, CompiledPolicy.load(path)));
  const input = readInput(path);
  if (options.from === undefined && isProgram(input)) return programTarget(input, options);
  if (options.stack !== undefined) throw misusedStack();
  const text = input.bytes.toString("utf8");
  if (options.from === undefined && (path.endsWith(".cil") || CIL.test(text)))
    return selinuxTarget(path, readCilFacts(input.name, text));
  if (options.from === undefined && VM_FILE.test(text) && !OWN_POLICY.test(text)) return readVmFileTarget(path, options);
  return policyTarget(input, path, options);
}

/** Larger than what readInput() takes, and recognised by its first bytes: policydb_read() of libsepol/src/policydb.c. */
function isCompiledPolicy(path: string): boolean {
  if (path === "-" || !statSync(path).isFile()) return false;
  const fd = openSync(path, "r");
  try {
    const first = Buffer.alloc(POLICY_MAGIC.length);
    readSync(fd, first);
    return first.equals(POLICY_MAGIC);
  } finally {
    closeSync(fd);
  }
}

function selinuxTarget(target: string, facts: SelinuxFacts): TargetFacts {
  return { target, audited: [{ subject: target, facts: [facts], isUnfiltered: false }], unknown: [], grants: [] };
}

function programTarget(input: Input, { stack = [] }: TargetOptions): TargetFacts {
  const programs = [requireLoadable(input), ...stack.map(readLoadableProgram)];
  const [program] = programs as [(typeof programs)[number]];
  const source: FilterSource = stack.length === 0 ? { kind: "program", program } : stackPrograms(programs);
  const subject = [input.name, ...stack].join(" below ");
  const read = auditFilter({ subject, source, rules: [], location: { file: input.name, line: 1 }, openEntries: [] });
  return { target: input.name, ...read, grants: [] };
}

function policyTarget(input: Input, path: string, options: TargetOptions): TargetFacts {
  const policy = readPolicyInput(input, path, { ...options, lossy: true });
  const own = policy.format === "bulkhead" ? ownPolicy(policy, path, options.grants === true) : null;
  const foreign = policy.format === "bulkhead" ? null : foreignPolicy(policy, policy.format, input);
  const rules = foreign?.rules ?? placeRules(policy.rules.rules, folderOf(path));
  const read = auditFilter({
    subject: input.name,
    source: { kind: "rules", rules: policy.rules },
    rules,
    location: { file: input.name, line: 1 },
    openEntries: foreign?.openEntries ?? [],
  });
  const audited = read.audited.map((one) => ({ ...one, facts: [...one.facts, ...(own === null ? [] : [own.facts])] }));
  const losses = policy.losses.filter((loss) => !isJudgedLoss(loss));
  const unknown = losses.map(
    (loss): Unknown => ({ id: null, subject: input.name, why: `the filter is judged without this: ${loss}` }),
  );
  return { target: input.name, audited, unknown: [...read.unknown, ...unknown], grants: own?.grants ?? [] };
}

function foreignPolicy({ rules }: ReadPolicy, format: ForeignPolicy["format"], { bytes }: Input) {
  const policy = { format, text: bytes.toString("utf8"), rules };
  return { openEntries: declaredEntries(policy), rules: format === "minijail" ? rules.rules : placeJsonRules(policy) };
}

/** A role in a policy folder is granted more than calls, and its includes are known; `traced`: what it grants is asked for. */
function ownPolicy({ name, policy, frequencies }: ReadPolicy, path: string, traced: boolean): OwnPolicy {
  const folder = folderOf(path);
  const facts: PolicyFacts = {
    kind: "policy",
    subject: name,
    start: placeRules(policy.start, folder),
    run: placeRules(policy.run, folder),
    frequencies,
  };
  if (!traced) return { facts, grants: [] };
  const isRole = basename(dirname(resolve(path))) === "roles" && path.endsWith(".yaml");
  const role = isRole ? loadRolePolicy({ folder, role: basename(path, ".yaml") }) : null;
  return { facts, grants: [...traceRules(facts), ...(role === null ? [] : traceGrants(name, role))] };
}

interface OwnPolicy {
  readonly facts: PolicyFacts;
  readonly grants: TargetFacts["grants"];
}

/** The policy folder that a file lies in, else the one that is installed with this program. */
function folderOf(path: string): string {
  const place = dirname(resolve(path));
  return path !== "-" && ["roles", "sets"].includes(basename(place)) ? dirname(place) : POLICY_FOLDER;
}

function misusedStack(): SpecError {
  return new SpecError({
    code: "stack-misused",
    tried: "Cannot audit a stack",
    subject: "--stack",
    answer: "the target is no program",
    remedy: "Compile policies first: bulkhead seccomp compile POLICY --output FILE.",
  });
}
