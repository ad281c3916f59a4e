import { type CilList, type CilNode, isList, parseCil, wordOf } from "./cil_syntax.js";
import { TypeSets } from "./type_sets.js";

/** An allow rule as it stands. `target` is `self`, a type or an attribute. */
export interface CilAllow {
  readonly source: string;
  readonly target: string;
  readonly objectClass: string;
  readonly permissions: readonly string[];
  readonly line: number;
}

/** What a CIL file says of types, as far as an audit asks. */
export interface CilModule {
  /** Declared here, with their lines. */
  readonly types: ReadonlyMap<string, number>;
  /** Types that some role but object_r may have: domains. */
  readonly domains: ReadonlySet<string>;
  /** Whether categories constrain it: the types of the attribute that the constraints name. */
  readonly constrained: ReadonlySet<string>;
  readonly permissive: ReadonlyMap<string, number>;
  readonly allows: readonly CilAllow[];
  /** Classes that some mlsconstrain names; empty where the file has no constraints, as modules have none. */
  readonly constrainedClasses: ReadonlySet<string>;
  typesOf(name: string): ReadonlySet<string>;
}

/** The attribute of refpolicy's MCS constraints: policy/mcs. */
const CONSTRAINED = "mcs_constrained_type";
/** Blocks whose statements count as if they stood outside. */
const BLOCKS = new Set(["optional", "block", "in", "tunableif", "booleanif", "true", "false"]);

/** Reads a CIL file; names of blocks are not prefixed to what they declare. Throws SelinuxInputError "cil-malformed". */
export function readCilModule(file: string, text: string): CilModule {
  const statements = [...flatten(parseCil(file, text))];
  const of = (keyword: string): CilList[] => statements.filter(({ items: [first] }) => wordOf(first) === keyword);
  const types = new Map(of("type").map(({ items, line }) => [wordOf(items[1]) ?? "", line] as const));
  const expressions = new Map<string, CilNode[]>();
  for (const { items } of [...of("typeattribute"), ...of("typeattributeset")]) {
    const name = wordOf(items[1]) ?? "";
    const [expression] = items.slice(2);
    expressions.set(name, [...(expressions.get(name) ?? []), ...(expression === undefined ? [] : [expression])]);
  }
  const sets = new TypeSets(new Set(types.keys()), expressions);
  const ofRoles = of("roletype").filter(({ items }) => wordOf(items[1]) !== "object_r");
  return {
    types,
    domains: new Set(ofRoles.flatMap(({ items }) => [...sets.typesOf(wordOf(items[2]) ?? "")])),
    constrained: sets.typesOf(CONSTRAINED),
    permissive: new Map(of("typepermissive").map(({ items, line }) => [wordOf(items[1]) ?? "", line] as const)),
    allows: of("allow").flatMap(readAllow),
    constrainedClasses: new Set(of("mlsconstrain").flatMap(({ items }) => classOf(items[1]) ?? [])),
    typesOf: (name) => sets.typesOf(name),
  };
}

function* flatten(lists: readonly CilList[]): Generator<CilList> {
  for (const list of lists) {
    yield list;
    if (BLOCKS.has(wordOf(list.items[0]) ?? "")) yield* flatten(list.items.filter(isList));
  }
}

/** `(class (permission ...))`; a class permission by its name says nothing of its class here. */
function classOf(node: CilNode | undefined): string | undefined {
  return isList(node) ? wordOf(node.items[0]) : undefined;
}

function readAllow({ items, line }: CilList): CilAllow[] {
  const [source, target] = [wordOf(items[1]), wordOf(items[2])];
  const objectClass = classOf(items[3]);
  const permissions = isList(items[3]) ? items[3].items[1] : undefined;
  if (source === undefined || target === undefined || objectClass === undefined) return [];
  const names = isList(permissions) ? permissions.items.map(wordOf) : [wordOf(permissions)];
  return [{ source, target, objectClass, permissions: names.filter((name) => name !== undefined), line }];
}
