import { type Problem, quoteValue, type YamlTree } from "../text/index.js";
import type { InclusiveRange } from "./host_config.js";
import { type HostFile, hostSchema } from "./host_schema.js";
import { parseRange, rangeHolds } from "./range.js";
import { parseSize } from "./size.js";

/** Below are the system's own accounts: SYS_UID_MAX 999, login.defs(5). */
const UID_MIN = 1000;
/** (uid_t) -1 means "no change" to setresuid(2), so the highest uid is one less. */
const UID_MAX = 4_294_967_294;
/** What the kernel shows for a uid that has no mapping: DEFAULT_OVERFLOWUID, include/linux/highuid.h. */
const UID_OVERFLOW = 65_534;
/** The highest category of the targeted and default policies: s0 to s0:c0.c1023. */
const CATEGORY_MAX = 1023;
/** A VM's pair, the VMM's own and one for its first device. */
const CATEGORIES_MIN = 4;
/** The least a VM file may ask for. */
const MEMORY_MIN_BYTES = 1024 ** 2;

/** What the values of a host file must be beyond their form. Looks at the keys whose form is right. */
export function findBrokenHostRules(tree: YamlTree): Problem[] {
  const file = tree.value as { readonly [Key in "uids" | "categories" | "limits" | "programs"]?: unknown };
  const { uids, categories, limits, programs } = hostSchema().shape;
  const problems: Problem[] = [];
  const note = (path: readonly PropertyKey[], fault: string | undefined) => {
    if (fault !== undefined) problems.push({ offset: tree.offsetOf(path), message: fault });
  };
  const soundUids = uids.safeParse(file.uids);
  if (soundUids.success) note(["uids"], findUidFault(parseRange(soundUids.data)));
  const soundCategories = categories.safeParse(file.categories);
  if (soundCategories.success) note(["categories"], findCategoryFault(parseRange(soundCategories.data)));
  const soundLimits = limits.safeParse(file.limits);
  if (soundLimits.success) note(["limits", "memoryPerVm"], findMemoryFault(soundLimits.data.memoryPerVm));
  const soundPrograms = programs.safeParse(file.programs);
  if (soundPrograms.success) checkPrograms(soundPrograms.data, note);
  return problems;
}

/** Each program stands once, so that a reader sees all that it is given in one place. */
function checkPrograms(programs: HostFile["programs"], note: (path: readonly PropertyKey[], fault: string) => void): void {
  programs.forEach(({ file, interpreter }, index) => {
    const path = ["programs", index];
    const first = programs.findIndex((other) => other.file === file);
    if (first < index) note([...path, "file"], `${file}: programs[${first}] is the same program; give that one more roles`);
    const [runner] = interpreter ?? [];
    if (runner !== undefined && !/^(\/(?!\.{1,2}(\/|$))[^/]+)+$/u.test(runner))
      note([...path, "interpreter", 0], `an interpreter is an absolute path without . and .. in it, not ${quoteValue(runner)}`);
  });
}

function findUidFault(range: InclusiveRange): string | undefined {
  const { first, last } = range;
  if (first > last) return `uids runs backwards; write ${last}-${first}`;
  if (first < UID_MIN)
    return `uids starts at ${first}; 0 to ${UID_MIN - 1} are the system's own accounts: start at ${UID_MIN} or above`;
  if (last > UID_MAX) return `uids ends at ${last}; the highest uid is ${UID_MAX}`;
  if (rangeHolds(range, UID_OVERFLOW))
    return `uids holds ${UID_OVERFLOW}, which stands for every unmapped uid; end below or start above it`;
  return undefined;
}

function findCategoryFault({ first, last }: InclusiveRange): string | undefined {
  if (first > last) return `categories runs backwards; write c${last}-c${first}`;
  if (last > CATEGORY_MAX) return `categories ends at c${last}; the highest category is c${CATEGORY_MAX}`;
  const count = last - first + 1;
  if (count < CATEGORIES_MIN) return `categories holds ${count}; a VM with one device needs ${CATEGORIES_MIN}: widen the range`;
  return undefined;
}

function findMemoryFault(written: string | number): string | undefined {
  const sizeBytes = parseSize(written);
  if (sizeBytes !== undefined && sizeBytes >= MEMORY_MIN_BYTES) return undefined;
  return `limits.memoryPerVm is ${written}; it must be at least 1M, the smallest VM, and below 2^53 bytes`;
}
