/** Actions as seccomp-tools writes them, by the upper half of the answer: SECCOMP_RET_* of include/uapi/linux/seccomp.h. */
const ACTIONS: ReadonlyMap<number, string> = new Map([
  [0x8000, "KILL_PROCESS"],
  [0x0000, "KILL"],
  [0x0003, "TRAP"],
  [0x0005, "ERRNO"],
  [0x7fc0, "USER_NOTIF"],
  [0x7ff0, "TRACE"],
  [0x7ffc, "LOG"],
  [0x7fff, "ALLOW"],
]);
/** Names that are read as well. */
const OTHER_NAMES: ReadonlyMap<string, number> = new Map([["KILL_THREAD", 0x0000]]);
const DATA_BITS = 16;
const DATA_MASK = 0xffff;

/** An answer as a listing writes it: `ALLOW`, `ERRNO(38)`, or in hex when no action has it. */
export function returnName(answer: number): string {
  const name = ACTIONS.get(answer >>> DATA_BITS);
  const data = answer & DATA_MASK;
  if (name === undefined) return `0x${answer.toString(16)}`;
  return data === 0 && name !== "ERRNO" ? name : `${name}(${data})`;
}

/** The inverse of `returnName`; undefined for no action. */
export function returnValue(text: string): number | undefined {
  const [, name = "", data = "0"] = /^([A-Z_]+)(?:\((\d{1,5})\))?$/.exec(text) ?? [];
  const known = [...ACTIONS].find(([, action]) => action === name)?.[0] ?? OTHER_NAMES.get(name);
  return known === undefined || Number(data) > DATA_MASK ? undefined : ((known << DATA_BITS) | Number(data)) >>> 0;
}

/** Names of all actions, for suggestions. */
export function returnWords(): string[] {
  return [...ACTIONS.values(), ...OTHER_NAMES.keys()];
}
