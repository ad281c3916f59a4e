import { choice, flag, LAYERS, loadZod, mapping, textTerm, whole, type Zod } from "../../spec/index.js";
import type { Refuser } from "./control.js";

const REFUSERS: readonly Refuser[] = [...LAYERS, "protocol", "launcher", "memory"];

/** Deep enough for a msghdr with its iovec. */
const NESTING_MAX = 4;

type ControlSchema = ReturnType<typeof makeControlSchema>;
let schema: ControlSchema | undefined;

/** The shape of a control file. */
export function controlSchema(): ControlSchema {
  schema ??= makeControlSchema(loadZod());
  return schema;
}

const sentence = (z: Zod, what: string) => textTerm(z, /^[^\p{Cc}]{1,400}$/u, `${what}, one line of at most 400 characters`);
const word = (z: Zod, what: string) => textTerm(z, /^[a-z][a-z0-9_-]{0,31}$/, what);

function makeControlSchema(z: Zod) {
  return mapping(z, {
    id: textTerm(z, /^[A-Z]{2,6}-\d{2,3}$/, "an id: capital letters, a dash and a number, such as PRO-01"),
    group: word(z, "the name of a group, such as processes"),
    title: sentence(z, "what is tried"),
    threat: sentence(z, "what an attacker would gain"),
    layers: z.array(choice(z, REFUSERS), "a list of layers"),
    needs: z._default(z.array(sentence(z, "a part of a layer"), "a list of parts of layers"), []),
    roles: z.optional(z.array(word(z, "a role"), "a list of roles")),
    constants: z._default(mapNames(z), []),
    act: steps(z),
    twin: mapping(z, { title: sentence(z, "what must succeed"), steps: steps(z) }),
    alone: z._default(flag(z), false),
    depth: z._default(flag(z), false),
  });
}

/** `- {name: PTRACE_ATTACH, value: 16, header: linux/ptrace.h}`, for what the tables of src/seccomp do not have. */
function mapNames(z: Zod) {
  const constant = mapping(z, {
    name: textTerm(z, /^[A-Z][A-Z0-9_]*$/, "the name of a constant"),
    value: z.int("a whole number"),
    header: sentence(z, "the header that defines it"),
  });
  return z.array(constant, "a list of constants");
}

function steps(z: Zod) {
  const name = z.optional(textTerm(z, /^[a-z][a-z0-9]*$/, "a name for the answer: a-z and 0-9"));
  const value = argument(z, NESTING_MAX);
  const step = mapping(z, {
    call: z.optional(word(z, "the name of a system call")),
    args: z._default(z.array(value, "a list of at most six arguments"), []),
    repeat: z._default(whole(z, { min: 1, max: 1_000_000 }), 1),
    load: z.optional(value),
    store: z.optional(value),
    jump: z.optional(value),
    value: z.optional(value),
    spin: z.optional(flag(z)),
    as: name,
  });
  return z.array(step, "a list of steps");
}

/** Each level of a list is a schema of its own: what nests deeper than any structure of the kernel's is refused. */
function argument(z: Zod, levels: number): ReturnType<typeof z.union> {
  const expectation = "a number, a constant, $NAME, text:, hex: or room:, or a list of such";
  const plain = [z.int(expectation), textTerm(z, /^[^\p{Cc}]{1,2000}$/u, expectation)];
  if (levels === 0) return z.union(plain, expectation);
  return z.union([...plain, z.array(argument(z, levels - 1), expectation)], expectation);
}
