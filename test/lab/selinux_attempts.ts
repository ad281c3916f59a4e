// What processes of a VM are made to try in the lab, each act beside the nearest that is allowed: for selinux.test.ts.

/** What the act answers: its success, the errno of a refusal, or that the kernel gave it the null device instead of the file. */
const DONE = 0;
const EPERM = 1;
const EACCES = 13;
/** Of a tap that no name was given to: the driver was reached. */
const EBADFD = 77;
const REPLACED = 200;

/** Answers of an act that was allowed. */
export const ALLOWED: readonly number[] = [DONE, EBADFD];

/** Machine, counted from 0, and process. */
export type Place = readonly [machine: number, id: string];

/** What is acted on, and of whom it is. */
export type Target =
  | { readonly kind: "image" | "tap" | "channel" | "process" | "listener"; readonly of: Place }
  | { readonly kind: "path"; readonly path: string };

/** One act of a process at the exact context of `as`; what it must answer, and why by the policy asked offline. */
export interface Attempt {
  readonly what: string;
  readonly as: Place;
  /** Another domain than its own, at its very level. */
  readonly domain?: string;
  readonly act: "read-fd" | "signal" | "trace" | "open" | "connect";
  readonly target: Target;
  readonly status: number;
  readonly reason: string;
}

type Outcome = readonly [status: number, reason: string];
const GRANTED: Outcome = [DONE, "granted"];

const DISK0: Place = [0, "disk0"];
const DISK1: Place = [0, "disk1"];
const NET: Place = [0, "net0"];
const VMM: Place = [0, "vmm"];
const OTHER_DISK: Place = [1, "disk0"];

const image = (of: Place): Target => ({ kind: "image", of });
const tap = (of: Place): Target => ({ kind: "tap", of });
const channel = (of: Place): Target => ({ kind: "channel", of });
const processOf = (of: Place): Target => ({ kind: "process", of });

const nameOf = ([machine, id]: Place): string => (machine === 0 ? id : `${id} of another VM`);

function reads(as: Place, target: Target, [status, reason]: Outcome, domain?: string): Attempt {
  const thing = target.kind === "path" ? target.path : `the ${target.kind} of ${nameOf(target.of)}`;
  const who = domain === undefined ? nameOf(as) : `${domain} at the level of ${nameOf(as)}`;
  const rest = { as, act: "read-fd", target, status, reason } as const;
  return { what: `${who} reads ${thing}`, ...(domain === undefined ? {} : { domain }), ...rest };
}

function acts(as: Place, act: "signal" | "trace" | "open", [of, [status, reason]]: readonly [Place, Outcome]): Attempt {
  const word = { signal: "signals", trace: "traces", open: "opens the /proc entry of" }[act];
  return { what: `${nameOf(as)} ${word} ${nameOf(of)}`, as, act, target: processOf(of), status, reason };
}

/** With the module as it is. */
export const ATTEMPTS: readonly Attempt[] = [
  reads(DISK0, image(DISK0), GRANTED),
  reads(DISK1, image(DISK1), GRANTED),
  reads(DISK0, image(DISK1), [REPLACED, "constraint"]),
  reads(DISK0, image(OTHER_DISK), [REPLACED, "constraint"]),
  reads(DISK0, { kind: "path", path: "/etc/shadow" }, [REPLACED, "type-rule"]),
  // The very categories of the image: the type alone refuses.
  reads(DISK0, image(DISK0), [REPLACED, "type-rule"], "bulkhead_net_t"),
  reads(VMM, image(DISK0), [REPLACED, "type-rule"]),
  reads(NET, tap(NET), [EBADFD, "granted"]),
  reads(DISK0, tap(DISK0), [REPLACED, "type-rule"]),
  reads(NET, tap(DISK0), [REPLACED, "constraint"]),
  reads(DISK0, channel(DISK0), GRANTED),
  reads(VMM, channel(DISK0), GRANTED),
  reads(DISK0, channel(OTHER_DISK), [REPLACED, "constraint"]),
  acts(DISK0, "signal", [DISK0, GRANTED]),
  acts(DISK0, "signal", [DISK1, [EACCES, "constraint"]]),
  acts(DISK0, "signal", [VMM, [EACCES, "type-rule"]]),
  acts(DISK0, "signal", [OTHER_DISK, [EACCES, "constraint"]]),
  acts(VMM, "signal", [DISK0, [EACCES, "type-rule"]]),
  acts(DISK0, "trace", [VMM, [EPERM, "type-rule"]]),
  acts(DISK0, "open", [DISK0, GRANTED]),
  acts(DISK0, "open", [VMM, [EACCES, "type-rule"]]),
  {
    what: "disk0 connects to a socket of another VM",
    as: DISK0,
    act: "connect",
    target: { kind: "listener", of: OTHER_DISK },
    status: EACCES,
    reason: "type-rule",
  },
];

/** With type rules for all of it, which the module forbids: what is refused, categories refuse, and they alone. */
export const WIDENED_ATTEMPTS: readonly Attempt[] = [
  reads(DISK0, image(DISK0), GRANTED, "bulkhead_net_t"),
  reads(NET, image(DISK0), [REPLACED, "constraint"]),
  reads(VMM, image(DISK0), [REPLACED, "constraint"]),
  reads(DISK0, tap(DISK0), [EBADFD, "granted"]),
  reads(DISK0, tap(NET), [REPLACED, "constraint"]),
  acts(DISK0, "signal", [VMM, [EACCES, "constraint"]]),
  acts(VMM, "signal", [DISK0, [EACCES, "constraint"]]),
  acts(DISK0, "trace", [VMM, [EPERM, "constraint"]]),
  acts(DISK0, "open", [VMM, [EACCES, "constraint"]]),
];
