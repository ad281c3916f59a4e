import type { infer as Infer } from "zod/mini";
import { loadZod, type Zod } from "./deferred_zod.js";
import { DEFAULT_QEMU } from "./host_config.js";
import { LAYERS } from "./layer.js";
import { choice, flag, mapping, programPath, roleName, size, text, whole } from "./schema_terms.js";

type HostSchema = ReturnType<typeof makeHostSchema>;
/** A host file whose shape is right, with its defaults filled in; `{}` gives the built-in configuration. */
export type HostFile = Infer<HostSchema>;

let schema: HostSchema | undefined;

/** The one source of the check of a host file's shape, of the built-in default and of the published JSON Schema. */
export function hostSchema(): HostSchema {
  schema ??= makeHostSchema(loadZod());
  return schema;
}

function makeHostSchema(z: Zod) {
  // Absolute, and without ".." so that the list says which directories it permits.
  const root = text(z, ABSOLUTE_PATH, "an absolute path of a directory, without . and .. in it");
  const tap = text(
    z,
    /^[!-$&-.0-9;-~]{1,15}$/,
    "a pattern of tap names: 1 to 15 printable ASCII characters without space, /, : and %; * and ? stand for others",
  );
  return mapping(z, {
    require: z._default(z.array(choice(z, LAYERS), "a list of layers"), ["seccomp", "namespaces", "no-new-privs"]),
    imageRoots: z.optional(z.array(root, "a list of directories")),
    taps: z._default(z.array(tap, "a list of patterns of tap names"), ["tap*"]),
    uids: z._default(text(z, /^[0-9]{1,10}-[0-9]{1,10}$/, "a range of uids such as 500000-565535"), "500000-565535"),
    categories: z._default(text(z, /^c[0-9]{1,4}-c[0-9]{1,4}$/, "a range of MCS categories such as c0-c1023"), "c0-c1023"),
    limits: z._default(limitsSchema(z), { memoryPerVm: "64G", processesPerVm: 64 }),
    qemu: z._default(qemuSchema(z), DEFAULT_QEMU),
    hotPlug: z._default(flag(z), false),
    programs: z._default(z.array(programSchema(z), "a list of programs"), []),
  });
}

/** Up to 4095 characters: PATH_MAX without its NUL, include/uapi/linux/limits.h. */
const ABSOLUTE_PATH = /^(?!.*\/\.{1,2}(\/|$))\/[^\p{Cc}]{0,4094}$/u;
const SYSROOT_PATH = /^(?=.{1,4095}$)(\/|(\/(?!\.{1,2}(\/|$))[^/\p{Cc}]+)+)$/u;

function qemuSchema(z: Zod) {
  return mapping(z, {
    program: z._default(programPath(z, " inside the sysroot"), DEFAULT_QEMU.program),
    sysroot: z._default(
      text(z, SYSROOT_PATH, "an absolute path of a directory, without . and .. and empty names in it"),
      DEFAULT_QEMU.sysroot,
    ),
  });
}

function programSchema(z: Zod) {
  const argument = text(z, /^[^\p{Cc}]{1,4095}$/u, "an argument of 1 to 4095 characters without control characters");
  return mapping(z, {
    file: programPath(z),
    roles: z.array(roleName(z), "a list of roles").check(z.minLength(1, "a list of at least one role")),
    interpreter: z.optional(
      z.array(argument, "a list: a program, and its arguments").check(z.minLength(1, "a list that begins with a program")),
    ),
    files: z._default(z.array(programPath(z), "a list of files"), []),
  });
}

function limitsSchema(z: Zod) {
  return mapping(z, {
    memoryPerVm: z._default(size(z), "64G"),
    // 4096 processes are beyond any PCI topology; the bound keeps a slip of the keyboard from lifting the limit.
    processesPerVm: z._default(whole(z, { min: 1, max: 4096 }), 64),
  });
}
