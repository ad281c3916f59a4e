import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { PolicyError } from "../errors/index.js";
import type { SeccompPolicy } from "../seccomp/index.js";
import { quoteValue } from "../text/index.js";
import { suggestion } from "./entry_reader.js";
import type { Grants } from "./grant_reader.js";
import { NAME_LENGTH_MAX, PLAIN_NAME, type PolicyFileKind, type RequestedPolicy, readPolicyFile } from "./policy_file.js";
import { invalidPolicy, type PolicyProblem, type PolicyText, parsePolicyText, readPolicySource } from "./policy_text.js";
import type { ResolvedPolicy } from "./resolved_policy.js";
import { findDoubleGrants, findOverlaps, withoutRunCalls } from "./rule_overlap.js";

export interface RoleRequest {
  /** The policy folder, with roles/ and sets/ in it. */
  readonly folder: string;
  /** A plain name: the role of roles/NAME.yaml. */
  readonly role: string;
}

/** What stands in a policy folder for each kind of file. */
const FOLDERS = { role: "roles", set: "sets" } as const satisfies Record<PolicyFileKind, string>;
const ENDING = ".yaml";
/** A role that includes more than this is not readable any more; it also bounds the work for one role. */
const FILES_MAX = 64;

/**
 * Reads a role and every set that it includes, each once, in the order of first mention.
 * Throws PolicyError "role-unknown", "policy-unreadable", or "policy-invalid" with all problems as `file:line:column: message`.
 */
export function loadRolePolicy(request: RoleRequest): ResolvedPolicy {
  const { folder, role } = request;
  if (role.length > NAME_LENGTH_MAX || !PLAIN_NAME.test(role) || !listNames(folder, "role").includes(role))
    throw unknownRole(request);
  const files = new IncludeReader(folder).readAll(role);
  const problems = [...files.flatMap((file) => file.problems), ...findCombinedProblems(files)];
  const own = files[0] as RequestedPolicy;
  if (problems.length > 0 || own.limits === null) throw invalidPolicy(role, problems);
  return resolve(files, own, own.limits);
}

/** Names of all roles of a policy folder, sorted. Throws PolicyError "policy-unreadable". */
export function listRoles(folder: string): string[] {
  return listNames(folder, "role");
}

function listNames(folder: string, kind: PolicyFileKind): string[] {
  try {
    const names = readdirSync(join(folder, FOLDERS[kind])).filter((name) => name.endsWith(ENDING));
    return names
      .map((name) => name.slice(0, -ENDING.length))
      .filter((name) => PLAIN_NAME.test(name))
      .sort();
  } catch (cause) {
    throw new PolicyError({
      code: "policy-unreadable",
      tried: `Cannot list the ${FOLDERS[kind]} of the policy folder ${folder}`,
      subject: folder,
      answer: cause instanceof Error ? cause.message : String(cause),
      remedy: "A policy folder holds the folders roles and sets.",
      cause,
    });
  }
}

/** Follows includes depth first. A set that is mentioned twice counts once; one that includes itself is a problem. */
export class IncludeReader {
  private readonly folder: string;
  private readonly files: RequestedPolicy[] = [];
  private readonly seen = new Set<string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  readAll(role: string): RequestedPolicy[] {
    this.read("role", role, []);
    return this.files;
  }

  /** A file that was read already, from wherever, and what it includes from the folder. */
  readFrom(file: RequestedPolicy): RequestedPolicy[] {
    if (file.kind === "set") this.seen.add(file.name);
    this.follow(file, file.kind === "set" ? [file.name] : []);
    return this.files;
  }

  private read(kind: PolicyFileKind, name: string, within: readonly string[]): void {
    const path = `${FOLDERS[kind]}/${name}${ENDING}`;
    this.follow(
      readOnce(path, readPolicySource(this.folder, path), (text) => readPolicyFile(text, kind, name)),
      within,
    );
  }

  private follow(file: RequestedPolicy, within: readonly string[]): void {
    const problems = [...file.problems];
    this.files.push({ ...file, problems });
    for (const { set, position } of file.includes) {
      const problem = this.problemOf(set, within);
      if (problem !== undefined) problems.push({ position, message: problem });
      else if (!this.seen.has(set)) {
        this.seen.add(set);
        this.read("set", set, [...within, set]);
      }
    }
  }

  private problemOf(set: string, within: readonly string[]): string | undefined {
    if (within.includes(set)) return `set ${set} includes itself: ${[...within.slice(within.indexOf(set)), set].join(" -> ")}`;
    const sets = listNames(this.folder, "set");
    if (!sets.includes(set)) return `no set ${quoteValue(set)} in ${FOLDERS.set}/${suggestion(set, sets)}`;
    return this.seen.size >= FILES_MAX ? `a role may not include more than ${FILES_MAX} sets` : undefined;
  }
}

/** Files that were read already, by path and text. Most sets serve several roles, and parsing one takes milliseconds. */
const knownFiles = new Map<string, RequestedPolicy>();
/** Some hundred times the shipped files: a process that reads more policies than that starts afresh. */
const KNOWN_FILES_MAX = 2048;

function readOnce(path: string, text: string, read: (parsed: PolicyText) => RequestedPolicy): RequestedPolicy {
  const key = `${path}\n${text}`;
  const known = knownFiles.get(key) ?? read(parsePolicyText(path, text));
  if (knownFiles.size >= KNOWN_FILES_MAX) knownFiles.clear();
  knownFiles.set(key, known);
  return known;
}

function findCombinedProblems(files: readonly RequestedPolicy[]): PolicyProblem[] {
  const grants = joinGrants(files);
  return [
    ...findOverlaps(
      files.flatMap((file) => file.start),
      files.flatMap((file) => file.run),
    ),
    ...findDoubleGrants(grants.files, ({ path }) => path),
    ...findDoubleGrants(grants.nodes, ({ name }) => `/dev/${name}`),
    ...findDoubleGrants(grants.selfMade, ({ kind }) => kind),
    ...findDoubleGrants([...grants.attach, ...grants.absent], ({ path }) => path),
  ];
}

function joinGrants(files: readonly RequestedPolicy[]): Grants {
  return {
    files: files.flatMap((file) => file.grants.files),
    nodes: files.flatMap((file) => file.grants.nodes),
    selfMade: files.flatMap((file) => file.grants.selfMade),
    attach: files.flatMap((file) => file.grants.attach),
    absent: files.flatMap((file) => file.grants.absent),
  };
}

/** What a role's files say of syscalls, together. */
export function joinRules(files: readonly RequestedPolicy[]): SeccompPolicy {
  const run = files.flatMap((file) => file.run);
  const start = withoutRunCalls(
    files.flatMap((file) => file.start),
    run,
  );
  return { start, run, otherwise: { kind: "kill-process" } };
}

function resolve(files: readonly RequestedPolicy[], own: RequestedPolicy, limits: ResolvedPolicy["limits"]): ResolvedPolicy {
  const content = {
    role: own.name,
    summary: own.summary,
    sources: files.map((file) => `${FOLDERS[file.kind]}/${file.name}${ENDING}`),
    models: own.models,
    seccomp: joinRules(files),
    afterLockDown: own.afterLockDown,
    ...joinGrants(files),
    limits,
  } as const;
  return { ...content, sha256: hashContent(content) };
}

/** Positions are left out: a comment added to a file changes nothing that a process may do. */
function hashContent(content: object): string {
  const text = JSON.stringify(content, (key, value: unknown) => {
    if (key === "position") return undefined;
    return typeof value === "bigint" ? value.toString() : value;
  });
  return createHash("sha256").update(text).digest("hex");
}

function unknownRole({ folder, role }: RoleRequest): PolicyError {
  return new PolicyError({
    code: "role-unknown",
    tried: `Cannot load the policy of role ${quoteValue(role)}`,
    subject: role,
    answer: `${join(folder, FOLDERS.role)} has no such role${suggestion(role, listNames(folder, "role"))}`,
    remedy: `A role is a plain name: that of its file in ${FOLDERS.role}/, without ${ENDING}.`,
  });
}
