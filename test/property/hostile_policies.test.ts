import * as assert from "uvu/assert";
import { BulkheadError } from "../../src/errors/index.js";
import { assemble, importMinijail, importOci, importSeccompiler } from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { Random } from "../support/seccomp/random.js";

const test = suite("policies and listings from hostile hands", { timeoutMs: 60_000 });

const file = "hostile";
const MUTANTS = 2000;
/** Nothing that these texts hold may keep a reader busy longer than this. */
const TIME_MS_MAX = 3000;
const READERS = {
  minijail: (text: string) => importMinijail({ file, text }),
  oci: (text: string) => importOci({ file, text }),
  seccompiler: (text: string) => importSeccompiler({ file, text }),
  listing: (text: string) => assemble(text, file),
} as const;
type Format = keyof typeof READERS;

const SAMPLES: Readonly<Record<Format, string>> = {
  minijail:
    "@default trap\n{read, write[arch=x86_64]}: 1\nioctl: arg1 == 0x5401 || arg1 in ~(1|2) && arg2 < 010\nopen: { arg0 & 4; return EPERM, allow }",
  oci: '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"value":18446744073709551615,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]}]}',
  seccompiler:
    '{"t":{"default_action":{"errno":1},"filter_action":"allow","filter":[{"syscall":"read","args":[{"index":0,"type":"qword","op":{"masked_eq":7},"val":3}]}]}}',
  listing:
    "A = arch\nif (A != ARCH_X86_64) goto dead\nA = args[0] >> 32\nA &= 0x7\nmem[3] = A\nA == X ? next : dead\nif (!(A & 0x4)) goto dead else goto 0008\ndead: return KILL\nreturn ERRNO(3)",
};

/** Characters that mean something to one of the readers, and some that mean nothing to any. */
const PIECES = [
  ..."{}[]()|&~!<>=:;,.#@\\\"'0179afxAX \n\t\u0000\u2028é",
  "arg0",
  "1e999",
  "-1",
  "99999999999999999999",
  "return",
  "__proto__",
];

function mutate(text: string, random: Random): string {
  let mutant = text;
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(mutant.length + 1);
    const length = random.below(6);
    const piece = random.chance(30)
      ? mutant.slice(random.below(mutant.length), random.below(mutant.length))
      : random.pick(PIECES);
    mutant = mutant.slice(0, at) + piece + mutant.slice(at + length);
  }
  return mutant;
}

/** Reads, or refuses as bad input; anything else is a bug. */
function expectHandled(format: Format, text: string): void {
  const started = performance.now();
  try {
    READERS[format](text);
  } catch (error) {
    if (!(error instanceof BulkheadError) || error.exitCode !== 2)
      throw new Error(`${format}: ${JSON.stringify(text.slice(0, 500))}`, { cause: error });
  }
  const tookMs = performance.now() - started;
  assert.ok(tookMs < TIME_MS_MAX, `${format} took ${tookMs} ms for ${JSON.stringify(text.slice(0, 100))}`);
}

for (const format of Object.keys(READERS) as Format[]) {
  test(`${format}: ${MUTANTS} mutants of a good text are read or refused`, () => {
    READERS[format](SAMPLES[format]);
    const random = new Random(format.length);
    for (let count = 0; count < MUTANTS; count++) expectHandled(format, mutate(SAMPLES[format], random));
  });

  test(`${format}: large and deep texts are read or refused in time`, () => {
    const deep = 200_000;
    for (const piece of [
      "[",
      '{"a":',
      "(",
      "~",
      "{",
      '"',
      "\\",
      "read: 1\n",
      "a:",
      "A",
      "if (",
      "arg0 == 1 || ",
      "@include ./x\n",
      " ? ",
    ]) {
      expectHandled(format, piece.repeat(deep).slice(0, 1_000_000));
      expectHandled(format, `read: ${piece.repeat(deep).slice(0, 900_000)}`);
    }
  });
}

test("minijail: lists that multiply are refused in time", () => {
  const clauses = (count: number, argument: number) =>
    Array.from({ length: count }, (_, index) => `arg${argument} > ${index}`).join(" || ");
  for (const [first, second] of [
    [900, 900],
    [5000, 1],
    [1, 5000],
  ] as const)
    expectHandled("minijail", `read: { ${clauses(first, 0)}; return 1, ${clauses(second, 1)}; log, allow }`);
  expectHandled(
    "minijail",
    `read: { ${Array.from({ length: 20_000 }, (_, index) => `arg0 == ${index}; return ${index % 7}`).join(", ")} }`,
  );
});

test.run();
