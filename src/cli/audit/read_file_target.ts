import { closeSync, openSync, readSync, statSync } from "node:fs";
import { auditFilter, readCilFacts, readCompiledFacts, type SelinuxFacts, type TargetFacts } from "../../audit/index.js";
import { SpecError } from "../../errors/index.js";
import { type FilterSource, prove, stackPrograms } from "../../seccomp/index.js";
import { CompiledPolicy } from "../../selinux/index.js";
import { type Input, readInput, readLoadableProgram, requireLoadable } from "../seccomp/read_input.js";
import { isProgram, readPolicyInput } from "../seccomp/read_policy.js";
import { readPolicyTarget } from "./read_policy_target.js";
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
  if (options.stack !== undefined) throw misused("--stack");
  if (options.policy !== undefined) throw misused("--policy");
  const text = input.bytes.toString("utf8");
  if (options.from === undefined && (path.endsWith(".cil") || CIL.test(text)))
    return selinuxTarget(path, readCilFacts(input.name, text));
  if (options.from === undefined && VM_FILE.test(text) && !OWN_POLICY.test(text)) return readVmFileTarget(path, options);
  return readPolicyTarget(input, path, options);
}

/**
 * Larger than what readInput() takes, and recognised by its first bytes: policydb_read() of libsepol/src/policydb.c. What cannot be
 * read is none; readInput() says why.
 */
function isCompiledPolicy(path: string): boolean {
  let fd: number | undefined;
  try {
    if (path === "-" || !statSync(path).isFile()) return false;
    fd = openSync(path, "r");
    const first = Buffer.alloc(POLICY_MAGIC.length);
    readSync(fd, first);
    return first.equals(POLICY_MAGIC);
  } catch {
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function selinuxTarget(target: string, facts: SelinuxFacts): TargetFacts {
  return { target, audited: [{ subject: target, facts: [facts], isUnfiltered: false }], unknown: [], grants: [] };
}

function programTarget(input: Input, options: TargetOptions): TargetFacts {
  const { stack = [], policy } = options;
  const programs = [requireLoadable(input), ...stack.map(readLoadableProgram)];
  const [program] = programs as [(typeof programs)[number]];
  const source: FilterSource = stack.length === 0 ? { kind: "program", program } : stackPrograms(programs);
  const subject = [input.name, ...stack].join(" below ");
  const read = auditFilter({ subject, source, rules: [], location: { file: input.name, line: 1 }, openEntries: [] });
  if (policy === undefined) return { target: input.name, ...read, grants: [] };
  const { rules, losses, name } = readPolicyInput(readInput(policy), policy, { ...options, lossy: true });
  const facts = { kind: "proof", subject, policy: name, proof: prove(rules, source), location: { file: name, line: 1 } } as const;
  return {
    target: input.name,
    audited: [...read.audited, { subject: `${subject} as ${name}`, facts: [facts], isUnfiltered: false }],
    unknown: [
      ...read.unknown,
      ...losses.map((loss) => ({ id: null, subject: name, why: `the policy is read without this: ${loss}` })),
    ],
    grants: [],
  };
}

function misused(option: string): SpecError {
  return new SpecError({
    code: "option-misused",
    tried: `Cannot use ${option}`,
    subject: option,
    answer: "the target is no program",
    remedy: "Compile policies first: bulkhead seccomp compile POLICY --output FILE.",
  });
}
