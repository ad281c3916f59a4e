import { declaredEntries, type FilterFacts, makeFilterFacts, placeJsonRules } from "../../../src/audit/index.js";
import {
  assemble,
  combinePhases,
  type FilterRules,
  type FilterSource,
  importMinijail,
  importOci,
  importSeccompiler,
  writeProgram,
} from "../../../src/seccomp/index.js";
import type { CheckFixtures } from "./fixture.js";

/** Facts of a program, from its statements. */
export function programFacts(...statements: readonly string[]): FilterFacts {
  return filterFacts({ kind: "program", program: writeProgram(assemble(statements.join("\n"), "fixture.asm")) });
}

export function filterFacts(source: FilterSource): FilterFacts {
  const rules = source.kind === "rules" ? source.rules.rules : [];
  return requireFacts(makeFilterFacts({ subject: "fixture", source, rules, location: null, openEntries: [] }));
}

const IMPORTS = { minijail: importMinijail, oci: importOci, seccompiler: importSeccompiler } as const;

/** Facts of a policy in another project's format, as the command makes them. */
export function foreignFacts(format: keyof typeof IMPORTS, text: string): FilterFacts {
  const rules: FilterRules = combinePhases(IMPORTS[format]({ file: "fixture", text }).policy, "run");
  const policy = { format, text, rules };
  const facts = makeFilterFacts({
    subject: "fixture",
    source: { kind: "rules", rules },
    rules: format === "minijail" ? rules.rules : placeJsonRules(policy),
    location: { file: "fixture", line: 1 },
    openEntries: declaredEntries(policy),
  });
  return requireFacts(facts);
}

function requireFacts(facts: ReturnType<typeof makeFilterFacts>): FilterFacts {
  if ("kind" in facts) return facts;
  throw new Error(facts.why);
}

/** Ends of every listing. */
const ENDS = ["dead: return KILL", "ok: return ALLOW"];
const CHECK_ARCH = ["A = arch", "if (A != ARCH_X86_64) goto dead", "A = sys_number"];
const REFUSE_X32 = "if (A >= 0x40000000) goto dead";

const minijail =
  (...lines: readonly string[]) =>
  () =>
    foreignFacts("minijail", lines.join("\n"));

const oci = (document: object) => (): FilterFacts =>
  foreignFacts("oci", JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", ...document }));

const allow = (names: readonly string[], args: readonly object[] = []): object => ({ names, action: "SCMP_ACT_ALLOW", args });

export const FILTER_FIXTURES: CheckFixtures = {
  "seccomp-arch-unchecked": {
    flagged: () => programFacts("A = sys_number", "A == read ? ok : dead", ...ENDS),
    twin: () => programFacts(...CHECK_ARCH, "A == read ? ok : dead", ...ENDS),
  },
  "seccomp-foreign-arch-open": {
    flagged: () =>
      programFacts(
        "A = arch",
        "A == 0x40000003 ? ok : next",
        "if (A != ARCH_X86_64) goto dead",
        "A = sys_number",
        "A == read ? ok : dead",
        ...ENDS,
      ),
    twin: () => programFacts(...CHECK_ARCH, "A == read ? ok : dead", ...ENDS),
  },
  "seccomp-x32-open": {
    flagged: () => programFacts(...CHECK_ARCH, "A == ptrace ? dead : ok", ...ENDS),
    twin: () => programFacts(...CHECK_ARCH, REFUSE_X32, "A == ptrace ? dead : ok", ...ENDS),
  },
  "seccomp-high-half-bypass": {
    // TIOCSTI refused by all 64 bits: libseccomp compares so.
    flagged: oci({ syscalls: [allow(["ioctl"], [{ index: 1, value: 0x5412, op: "SCMP_CMP_NE" }])] }),
    twin: minijail("ioctl: arg1 == 0x5413"),
  },
  "seccomp-low-half-compared": {
    flagged: () => programFacts(...CHECK_ARCH, "A == read ? next : dead", "A = args[2]", "A == 0x1000 ? ok : dead", ...ENDS),
    twin: () =>
      programFacts(
        ...CHECK_ARCH,
        "A == read ? next : dead",
        "A = args[2] >> 32",
        "A == 0 ? next : dead",
        "A = args[2]",
        "A == 0x1000 ? ok : dead",
        ...ENDS,
      ),
  },
  "seccomp-clone3-open": {
    flagged: minijail("clone: arg0 == 0x3d0f00", "clone3: 1"),
    twin: minijail("clone: arg0 == 0x3d0f00", "clone3: return ENOSYS"),
  },
  "seccomp-alternative-open": {
    flagged: minijail("mprotect: arg2 in ~PROT_EXEC", "pkey_mprotect: 1"),
    twin: minijail("mprotect: arg2 in ~PROT_EXEC", "pkey_mprotect: arg2 in ~PROT_EXEC"),
  },
  "seccomp-io-uring-bypass": {
    flagged: minijail("io_uring_setup: 1", "io_uring_enter: 1", "read: 1"),
    twin: minijail("io_uring_setup: return ENOSYS", "io_uring_enter: 1", "read: 1"),
  },
  "seccomp-newer-calls-pass": {
    flagged: () => programFacts(...CHECK_ARCH, REFUSE_X32, "A == mount ? dead : ok", ...ENDS),
    twin: () => programFacts(...CHECK_ARCH, REFUSE_X32, "A == read ? ok : dead", ...ENDS),
  },
  "seccomp-enosys-needed": {
    flagged: minijail("clone: 1", "clone3: return EPERM"),
    twin: minijail("clone: 1", "clone3: return ENOSYS"),
  },
  "seccomp-newer-call-kills": {
    flagged: minijail("faccessat: 1"),
    twin: minijail("faccessat: 1", "faccessat2: return ENOSYS"),
  },
  "seccomp-open-read-write": {
    flagged: minijail("openat: 1", "read: 1", "write: 1"),
    twin: minijail("openat: return ENOENT", "read: 1", "write: 1"),
  },
  "seccomp-memfd-exec": {
    flagged: minijail("memfd_create: 1", "execveat: 1"),
    twin: minijail("memfd_create: 1", "execveat: return EPERM"),
  },
  "seccomp-other-processes": {
    flagged: minijail("process_vm_writev: 1"),
    twin: minijail("process_vm_writev: return EPERM", "read: 1"),
  },
  "seccomp-kernel-surface": {
    flagged: minijail("bpf: 1"),
    twin: minijail("bpf: return EPERM", "read: 1"),
  },
  "seccomp-check-decides-nothing": {
    flagged: minijail("fcntl: arg1 <= 100 || arg1 > 100"),
    twin: minijail("fcntl: arg1 <= 100 || arg1 > 200"),
  },
};
