import { type CilAllow, type CilModule, readCilModule } from "../../selinux/index.js";
import type { Location } from "../finding.js";
import type { SelinuxDomain, SelinuxFacts, SelinuxReach, SelinuxTransition } from "./selinux_facts.js";

/** Classes that refpolicy's MCS constraints leave out and through which one process reaches another: policy/mcs. */
const UNCONSTRAINED_CLASSES = ["fd", "anon_inode", "memfd_file", "bpf", "perf_event", "io_uring", "user_namespace"];

/** Facts of a CIL file, by its rules as they are written. Throws SelinuxInputError "cil-malformed". */
export function readCilFacts(file: string, text: string): SelinuxFacts {
  const module = readCilModule(file, text);
  const place = (line: number | undefined): Location | null => (line === undefined ? null : { file, line });
  const transitions = findTransitions(module, place);
  const launchers = new Set(transitions.map(({ from }) => from));
  const domains = [...module.domains].map((type): SelinuxDomain => {
    const line = module.permissive.get(type) ?? module.types.get(type);
    return {
      type,
      isConstrained: module.constrained.has(type),
      isPermissive: module.permissive.has(type),
      isLauncher: launchers.has(type),
      location: place(line),
    };
  });
  const elsewhere = [...module.permissive].filter(([type]) => !module.domains.has(type));
  return {
    kind: "selinux",
    subject: file,
    // A type of another module that this one makes permissive is worth no less.
    domains: [...domains, ...elsewhere.map(([type, line]) => permissiveElsewhere(type, place(line)))],
    transitions,
    reaches: findReaches(module, place),
    cells: null,
  };
}

type Place = (line: number | undefined) => Location | null;

function permissiveElsewhere(type: string, location: Location | null): SelinuxDomain {
  return { type, isConstrained: null, isPermissive: true, isLauncher: false, location };
}

function targetsOf(module: CilModule, { source, target }: CilAllow, from: string): ReadonlySet<string> {
  return target === "self" && module.typesOf(source).has(from) ? new Set([from]) : module.typesOf(target);
}

function findTransitions(module: CilModule, place: Place): SelinuxTransition[] {
  const pairs = (objectClass: string, permission: string): Map<string, CilAllow> => {
    const found = new Map<string, CilAllow>();
    for (const allow of module.allows) {
      if (allow.objectClass !== objectClass || !allow.permissions.includes(permission)) continue;
      for (const from of module.typesOf(allow.source))
        for (const to of targetsOf(module, allow, from)) if (from !== to) found.set(`${from} ${to}`, allow);
    }
    return found;
  };
  const underNoNewPrivs = pairs("process2", "nnp_transition");
  return [...pairs("process", "transition")].flatMap(([pair, { line }]): SelinuxTransition[] => {
    const [from = "", to = ""] = pair.split(" ");
    if (!module.constrained.has(to)) return [];
    return [{ from, to, underNoNewPrivs: underNoNewPrivs.has(pair), location: place(line) }];
  });
}

/** Rules between constrained domains, one for each rule and not for each pair: attributes have many types. */
function findReaches(module: CilModule, place: Place): SelinuxReach[] {
  const isOpen = (objectClass: string): boolean =>
    UNCONSTRAINED_CLASSES.includes(objectClass) && !module.constrainedClasses.has(objectClass);
  return module.allows
    .filter(({ objectClass, target }) => isOpen(objectClass) && target !== "self")
    .filter(({ source }) => hasConstrained(module, source))
    .filter(({ target }) => hasConstrained(module, target))
    .map(({ source, target, objectClass, permissions, line }) => {
      return { source, target, objectClass, permissions, location: place(line) };
    });
}

function hasConstrained(module: CilModule, name: string): boolean {
  return [...module.typesOf(name)].some((type) => module.constrained.has(type));
}
