import { dirname } from "node:path";
import { findConstant, SYSCALL_NUMBERS } from "../../seccomp/index.js";
import { checkFile, readFileText } from "../../spec/index.js";
import { type Problem, quoteValue, suggestFrom, type YamlTree } from "../../text/index.js";
import { REMOVABLE_LAYERS } from "../hostile/layers_off.js";
import type { ActArgument, ActStep, Control } from "./control.js";
import { controlSchema } from "./control_schema.js";

type ControlFile = ReturnType<ReturnType<typeof controlSchema>["parse"]>;
type StepFile = ControlFile["act"][number];

/** Registers that carry arguments: Documentation of the x86-64 ABI, syscall(2). */
const ARGUMENTS_MAX = 6;

/** What the engine knows of each process before its first step: hostile/subject.ts. */
export const KNOWN_NAMES = ["data", "guest", "sibling", "launcher", "monitor", "channel"] as const;

/** Reads one control. Throws SpecError "spec-unreadable" or "spec-invalid" with `file:line:column`. */
export async function readControlFile(file: string): Promise<Control> {
  return parseControlText(await readFileText({ file, title: "control file" }), file);
}

/** Likewise, for a text. */
export function parseControlText(text: string, file: string): Control {
  const origin = { file, directory: dirname(file) };
  const kind = { schema: controlSchema(), findBrokenRules, example: "id: PRO-01" };
  const { data } = checkFile<ControlFile>(text, origin, kind);
  const own = new Map(data.constants.map(({ name, value }) => [name, BigInt(value)]));
  const readSteps = (steps: readonly StepFile[]) => steps.map((step) => readStep(step, own));
  const { id, group, title, threat, layers, needs, roles, alone, depth } = data;
  return {
    ...{ id, group, title, threat, layers, needs, alone, depth, file },
    roles: roles ?? null,
    act: readSteps(data.act),
    twin: { title: data.twin.title, steps: readSteps(data.twin.steps) },
  };
}

function readStep(step: StepFile, own: ReadonlyMap<string, bigint>): ActStep {
  const read = (written: unknown) => readArgument(written, own);
  const as = step.as ?? null;
  if (step.call !== undefined) {
    return { kind: "call", call: step.call, args: step.args.map(read), repeat: step.repeat, as };
  }
  for (const kind of ["load", "store", "jump"] as const) {
    if (step[kind] !== undefined) return { kind, address: read(step[kind]), value: read(step.value ?? 0), as };
  }
  return { kind: "spin" };
}

/** Constants become numbers; what depends on the process stays text. */
function readArgument(written: unknown, own: ReadonlyMap<string, bigint>): ActArgument {
  if (typeof written === "number") return BigInt(written);
  if (Array.isArray(written)) return written.map((item) => readArgument(item, own));
  const text = String(written);
  if (isOfProcess(text)) return text;
  return text.split("|").reduce((joined, name) => joined | (constantOf(name, own) ?? 0n), 0n);
}

function isOfProcess(text: string): boolean {
  return /^(\$|text:|hex:|room:)/.test(text);
}

function constantOf(name: string, own: ReadonlyMap<string, bigint>): bigint | undefined {
  return own.get(name) ?? findConstant(name)?.value;
}

/** What the shape of a file does not say: known names, one kind of step each, answers that were given before. */
function findBrokenRules(tree: YamlTree): Problem[] {
  const parsed = controlSchema().safeParse(tree.value);
  if (!parsed.success) return [];
  const { data } = parsed;
  const own = new Map(data.constants.map(({ name, value }) => [name, BigInt(value)]));
  const problems: Problem[] = [];
  const note = (path: readonly (string | number)[], message: string) =>
    void problems.push({ offset: tree.offsetOf(path), message });
  const lists = [
    { path: ["twin", "steps"], steps: data.twin.steps },
    { path: ["act"], steps: data.act },
  ];
  for (const { path, steps } of lists) {
    const known = new Set<string>(KNOWN_NAMES);
    for (const [index, step] of steps.entries()) {
      checkStep(step, { known, own }, (message) => note([...path, index], message));
      if (step.as !== undefined) known.add(step.as);
    }
  }
  const stays = data.layers.find((layer) => !REMOVABLE_LAYERS.some((removable) => removable === layer));
  if (data.alone && stays !== undefined)
    note(["alone"], `${stays} cannot be taken away, so that nothing shows what it does alone`);
  if (data.layers.length === 0) note(["layers"], "a control names at least one layer that refuses it");
  return problems;
}

interface Names {
  readonly known: ReadonlySet<string>;
  readonly own: ReadonlyMap<string, bigint>;
}

function checkStep(step: StepFile, names: Names, note: (message: string) => void): void {
  const kinds = (["call", "load", "store", "jump", "spin"] as const).filter((kind) => step[kind] !== undefined);
  if (kinds.length !== 1) note("a step has exactly one of the keys call, load, store, jump and spin");
  if (step.call !== undefined && !SYSCALL_NUMBERS.has(step.call))
    note(`no syscall ${quoteValue(step.call)} on x86_64${suggestFrom(step.call, [...SYSCALL_NUMBERS.keys()])}`);
  if (step.args.length > ARGUMENTS_MAX) note(`a system call has at most ${ARGUMENTS_MAX} arguments`);
  const written = [...step.args, step.load, step.store, step.jump, step.value].flat(Number.POSITIVE_INFINITY);
  for (const one of written) if (typeof one === "string") checkArgument(one, names, note);
}

function checkArgument(text: string, { known, own }: Names, note: (message: string) => void): void {
  if (text.startsWith("$")) {
    const name = /^\$([a-z][a-z0-9]*)(\+\d+)?$/.exec(text)?.[1];
    if (name === undefined || !known.has(name)) note(`no step before this one names its answer ${quoteValue(text)}`);
    return;
  }
  if (text.startsWith("hex:") && !/^hex:([0-9a-f]{2})+$/.test(text)) note(`${quoteValue(text)} is no list of hexadecimal bytes`);
  if (text.startsWith("room:") && !/^room:\d{1,4}$/.test(text)) note(`${quoteValue(text)} is no size of at most 4096 bytes`);
  if (isOfProcess(text)) return;
  for (const name of text.split("|")) {
    if (constantOf(name, own) === undefined) note(`no constant ${quoteValue(name)}; define it under "constants" with its header`);
  }
}
