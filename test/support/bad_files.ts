import fc from "fast-check";

/** A VM file that is good in a folder made by makeOddFiles() of bad_input.test.ts, as data. */
export const GOOD_VM = {
  name: "test-bad",
  machine: { memory: "64M", cpus: 1, accel: "tcg" },
  console: { serial: { file: "serial.log" } },
  devices: [
    { id: "disk0", role: "disk", model: "lsi53c895a", disk: { file: "good.img", format: "raw", readOnly: false } },
    {
      id: "disk1",
      role: "disk",
      model: "nvme",
      disk: { file: "top.qcow2", format: "qcow2", backing: { file: "base.qcow2", format: "qcow2" } },
    },
    { id: "net0", role: "net", model: "e1000", net: { disconnected: true } },
  ],
  require: ["seccomp"],
  onDeviceExit: "stop",
  shutdownGraceMs: 200,
};

/** The same without what is judged by a process: those that are good by chance then take a third of the time. */
const RAW_VM = { ...GOOD_VM, devices: GOOD_VM.devices.filter(({ id }) => id !== "disk1") };

/** Names that are something else than an image in that folder, or outside it, or no names. */
const BAD_PATHS = [
  ...["", ".", "..", "/", "../good.img", "way/good.img", "link", "dangling", "magic", "hard", "fifo", "socket", "dir", "null"],
  ...[
    "missing",
    "dir/missing",
    "good.img/x",
    "stranger.img",
    "/etc/passwd",
    "/dev/zero",
    "/dev/mem",
    "/proc/self/mem",
    "/proc/kmsg",
  ],
  ...["a,b", "a\nb", "a\u0000b", "good.img,format=qcow2", 'good.img"', "\u202egmi.doog", "%s%n", "-device", "x".repeat(5000)],
  ...["data.qcow2", "cut.qcow2", "good.img/../good.img", "/dev/fdset/1", "nbd://host/export", "json:{}", "file:good.img"],
];

const BAD_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e300, 2 ** 53, "", " ", [], {}, [[]], { a: 1 }, "*", "&a", "!!str x", "<<", "__proto__"],
  ...["tcg", "kvm", "64G", "99999G", "1K", 65, 100, "vmm", "disk0", "net0", "disk", "image-judge", "edu", "virtio-blk-pci"],
  ...["raw", "qcow2", "vmdk", "eth0", "tap%d", "tap0", "lo", "00:00:00:00:00:00", "selinux", "nothing", "../../etc"],
  ...BAD_PATHS,
];
const KEYS = [
  "name",
  "file",
  "disk",
  "net",
  "backing",
  "tap",
  "id",
  "limits",
  "kernel",
  "initrd",
  "append",
  "constructor",
  "toString",
  "x y",
];

type Step = string | number;

function pathsOf(value: unknown, above: readonly Step[] = []): Step[][] {
  if (typeof value !== "object" || value === null) return [[...above]];
  const entries = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [[...above], ...entries.flatMap(([key, inner]) => pathsOf(inner, [...above, key]))];
}

interface Edit {
  readonly at: number;
  readonly kind: "replace" | "remove" | "add" | "repeat" | "path";
  readonly value: unknown;
  readonly key: string;
}

const edits: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(1000),
  kind: fc.constantFrom("replace", "remove", "add", "repeat", "path"),
  value: fc.constantFrom(...BAD_VALUES),
  key: fc.constantFrom(...KEYS),
});

/** Changes one place of a tree. */
function applyEdit(tree: unknown, { at, kind, value, key }: Edit): unknown {
  const paths = pathsOf(tree).filter((path) => path.length > 0);
  const files = paths.filter((path) => path.at(-1) === "file");
  const candidates = kind === "path" && files.length > 0 ? files : paths;
  const path = candidates[at % Math.max(1, candidates.length)];
  if (path === undefined) return tree;
  const copy = structuredClone(tree) as Record<Step, unknown>;
  const holder = path.slice(0, -1).reduce<Record<Step, unknown>>((inner, step) => inner[step] as Record<Step, unknown>, copy);
  const last = path.at(-1) as Step;
  if (kind === "path") holder[last] = BAD_PATHS[at % BAD_PATHS.length];
  else if (kind === "replace") holder[last] = value;
  else if (kind === "add" && !Array.isArray(holder)) holder[key] = value;
  else if (kind !== "remove" && Array.isArray(holder)) holder.push(holder[Number(last)]);
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return copy;
}

const SPLICES = [
  ": ",
  "- ",
  "\n",
  "\t",
  "&a ",
  "*a",
  "!!map ",
  "---\n",
  "{",
  "}",
  "[",
  "]",
  '"',
  "'",
  "#",
  "%YAML 9\n",
  "\u0000",
  "\ud800",
  "<<: *a",
];

/** The text with pieces cut out and others put in. */
const textEdits = fc.array(
  fc.record({ at: fc.nat(2000), cut: fc.nat(20), put: fc.oneof(fc.constantFrom(...SPLICES), fc.string({ maxLength: 6 })) }),
  { minLength: 1, maxLength: 5 },
);

/** Texts of VM files that are bad, or good by chance: trees changed in one to three places, one in four as text too. */
export const vmFileTexts: fc.Arbitrary<string> = fc
  .record({
    base: fc.constantFrom(GOOD_VM, RAW_VM, RAW_VM, RAW_VM),
    edits: fc.array(edits, { minLength: 1, maxLength: 3 }),
    spliced: fc.option(textEdits, { freq: 3 }),
    asText: fc.nat(3),
  })
  .map(({ base, edits: changes, spliced, asText }) => {
    const text = JSON.stringify(changes.reduce<unknown>(applyEdit, base), null, 1);
    if (spliced === null || asText > 0) return text;
    return spliced.reduce((written, { at, cut, put }) => {
      const place = at % written.length;
      return written.slice(0, place) + put + written.slice(place + cut);
    }, text);
  });
