import { basename, dirname, resolve } from "node:path";
import {
  auditFilter,
  declaredEntries,
  type ForeignPolicy,
  isJudgedLoss,
  type PolicyFacts,
  placeJsonRules,
  type TargetFacts,
  traceGrants,
  traceRules,
  type Unknown,
} from "../../audit/index.js";
import { loadRolePolicy } from "../../policy/index.js";
import { POLICY_FOLDER } from "../installation.js";
import type { Input } from "../seccomp/read_input.js";
import { type PolicyFormat, type ReadPolicy, readPolicyInput } from "../seccomp/read_policy.js";
import { placeRules } from "./place_rules.js";
import type { TargetOptions } from "./read_target.js";

/** Reads a policy of any format; of a seccompiler file every thread, unless one is named. Throws what their readers throw. */
export function readPolicyTarget(input: Input, path: string, options: TargetOptions): TargetFacts {
  const threads = options.thread === undefined ? threadsOf(input, options.from) : [];
  if (threads.length < 2) return readOne(input, path, options);
  const read = threads.map((thread) => readOne(input, path, { ...options, thread }));
  return {
    target: input.name,
    audited: read.flatMap(({ audited }) => audited),
    unknown: read.flatMap(({ unknown }) => unknown),
    grants: read.flatMap(({ grants }) => grants),
  };
}

/** The threads of a seccompiler file; none for what is no such file, of which its own reader tells more. */
function threadsOf({ bytes }: Input, from: PolicyFormat | undefined): string[] {
  if (from !== undefined && from !== "seccompiler") return [];
  try {
    const document = JSON.parse(bytes.toString("utf8")) as Readonly<Record<string, { readonly filter?: unknown } | null>>;
    const threads = Object.entries(document);
    return threads.every(([, thread]) => Array.isArray(thread?.filter)) ? threads.map(([name]) => name) : [];
  } catch {
    return [];
  }
}

function readOne(input: Input, path: string, options: TargetOptions): TargetFacts {
  const policy = readPolicyInput(input, path, { ...options, lossy: true });
  const subject = options.thread === undefined ? input.name : `${input.name}, thread ${options.thread}`;
  const location = { file: input.name, line: 1 };
  const source = { kind: "rules", rules: policy.rules } as const;
  const losses = policy.losses.filter((loss) => !isJudgedLoss(loss));
  const unknown = losses.map((loss): Unknown => ({ id: null, subject, why: `the filter is judged without this: ${loss}` }));
  if (policy.format !== "bulkhead") {
    const { openEntries, rules } = readForeign(policy, policy.format, { text: textFrom(input, options.thread) });
    const read = auditFilter({ subject, source, rules, location, openEntries });
    return {
      target: input.name,
      ...read,
      unknown: [...read.unknown, ...unknown],
      grants: traceRules({ subject, start: [], run: rules }),
    };
  }
  const { facts, grants } = readOwn(policy, path, options.grants === true);
  const rules = placeRules(policy.rules.rules, folderOf(path));
  const read = auditFilter({ subject, source, rules, location, openEntries: [] });
  const audited = read.audited.map((one) => ({ ...one, facts: [...one.facts, facts] }));
  return { target: input.name, audited, unknown: [...read.unknown, ...unknown], grants };
}

/** What is before a thread blanked out, so that lines are counted from its own rules on. */
function textFrom({ bytes }: Input, thread: string | undefined): string {
  const text = bytes.toString("utf8");
  const start = thread === undefined ? 0 : Math.max(0, text.indexOf(JSON.stringify(thread)));
  return text.slice(0, start).replace(/[^\n]/g, " ") + text.slice(start);
}

function readForeign({ rules }: ReadPolicy, format: ForeignPolicy["format"], { text }: Pick<ForeignPolicy, "text">) {
  const policy = { format, text, rules };
  return { openEntries: declaredEntries(policy), rules: format === "minijail" ? rules.rules : placeJsonRules(policy) };
}

/** A role in a policy folder is granted more than calls, and its includes are known; `traced`: what it grants is asked for. */
function readOwn({ name, policy, frequencies }: ReadPolicy, path: string, traced: boolean): OwnPolicy {
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
