import {
  CgroupMounts,
  findSocketHolders,
  type LiveHost,
  type LiveProcess,
  type LiveThreadFilters,
  observeHost,
  observeLiveProcess,
  ProcessDirectory,
  type SocketHolders,
  SocketTables,
} from "../../observe/index.js";
import { readProgram, stackPrograms } from "../../seccomp/index.js";
import type { Audited } from "../audited.js";
import type { Unknown } from "../finding.js";
import { nameSome } from "../judge_reading.js";
import type { FilterFacts } from "./filter_facts.js";
import { makeFilterFacts } from "./make_filter_facts.js";
import type { ProcessFacts } from "./process_facts.js";

/** How live processes are read. */
export interface LiveRequest {
  /** Whether threads may be stopped for a moment, to read their filters. */
  readonly ptrace: boolean;
}

/** One process that was read. */
export interface LiveRead {
  readonly facts: ProcessFacts;
  /** Its threads' different stacks of filters, by what tells them apart. */
  readonly stacks: readonly string[];
}

/** What is judged of a process, and what could not be read of it. */
export interface LiveAudit {
  readonly audited: Audited;
  readonly unknown: readonly Unknown[];
}

/** One stack of filters and who runs it. */
interface Stack {
  readonly programs: readonly Buffer[];
  readonly users: string[];
}

/** SELinux is the module that labels files. */
const LABELLING_MODULE = "selinux";

/** Reads the processes of one audit: what is the host's, its socket tables and who holds which socket, is read once. */
export class LiveReader {
  readonly host: LiveHost;
  readonly #tables: SocketTables;
  readonly #holders: SocketHolders;
  readonly #ptrace: boolean;
  readonly #cgroupMounts = new CgroupMounts();
  readonly #stacks = new Map<string, Stack>();
  readonly #judged = new Map<string, FilterFacts | Unknown>();

  constructor({ ptrace }: LiveRequest) {
    this.host = observeHost();
    this.#ptrace = ptrace;
    const own = new ProcessDirectory(process.pid);
    try {
      this.#tables = new SocketTables(own.link("ns/net"));
      this.#tables.of(own);
    } finally {
      own.close();
    }
    this.#holders = findSocketHolders();
  }

  /** Null when there is no such process, or when it ended meanwhile. `name`: what it is in its VM. */
  read(pid: number, name?: string): LiveRead | null {
    const modules = this.host.securityModules;
    const labels = modules.known && modules.value.includes(LABELLING_MODULE);
    const options = { ptrace: this.#ptrace, labels, tables: this.#tables, cgroupMounts: this.#cgroupMounts };
    const process = observeLiveProcess(pid, options);
    if (process === null) return null;
    const subject = name === undefined ? `process ${pid} (${process.command})` : `${name}, process ${pid}`;
    const { host } = this;
    const findSocket: ProcessFacts["findSocket"] = (inode) => this.#tables.find(inode);
    const facts: ProcessFacts = { kind: "process", subject, process, host, findSocket, holders: this.#holders };
    return { facts, stacks: this.#noteStacks(name ?? subject, process) };
  }

  /** After all have been read: processes that run the same filters are judged by one look at them. */
  judge({ facts, stacks }: LiveRead): LiveAudit {
    const { subject, process } = facts;
    const filters = stacks.map((key) => this.#judge(key));
    const known = filters.filter((one): one is FilterFacts => "kind" in one);
    const unread = process.filters.known
      ? []
      : [{ id: null, subject, why: `its filters could not be read: ${process.filters.why}` }];
    // A thread without a filter, or with one that could not be read or decided: nothing is known to be refused.
    const isUnfiltered = known.length < filters.length || filters.length === 0 || hasBareThread(process);
    const undecided = filters.filter((one): one is Unknown => !("kind" in one));
    return { audited: { subject, facts: [facts, ...known], isUnfiltered }, unknown: [...unread, ...undecided] };
  }

  #noteStacks(user: string, { filters }: LiveProcess): string[] {
    const found = new Map((filters.known ? filters.value : []).map((thread) => [keyOf(thread), thread.filters]));
    found.delete("");
    for (const [key, stack] of found) {
      const known = this.#stacks.get(key);
      if (known === undefined) this.#stacks.set(key, { programs: stack.map(({ bytes }) => bytes), users: [user] });
      else known.users.push(user);
    }
    return [...found.keys()];
  }

  #judge(key: string): FilterFacts | Unknown {
    const { programs, users } = this.#stacks.get(key) as Stack;
    const judged = this.#judged.get(key) ?? makeStackFacts(programs, `filters of ${nameSome(users)}`);
    this.#judged.set(key, judged);
    return judged;
  }
}

function keyOf({ filters }: LiveThreadFilters): string {
  return filters.map(({ sha256 }) => sha256).join(" ");
}

function makeStackFacts(programs: readonly Buffer[], subject: string): FilterFacts | Unknown {
  const source = stackPrograms(programs.map((bytes) => readProgram(bytes)));
  return makeFilterFacts({ subject, source, rules: [], location: null, openEntries: [] });
}

function hasBareThread({ threads, filters }: LiveProcess): boolean {
  if (threads.list.some(({ seccompMode }) => seccompMode === 0)) return true;
  return filters.known && filters.value.some(({ filters: stack }) => stack.length === 0);
}

/** What no file of /proc shows, of any process: security/landlock of Linux 6.18. */
export function landlockUnknown(subject: string, { securityModules }: LiveHost): Unknown[] {
  if (securityModules.known && !securityModules.value.includes("landlock")) return [];
  return [{ id: null, subject, why: "whether a Landlock domain confines it: the kernel shows that to nobody" }];
}
