import type { infer as Infer, ZodMiniType } from "zod/mini";
import { loadZod, type Zod } from "./deferred_zod.js";
import { LAYERS } from "./layer.js";
import { audioSchema, serialLineSchema, usbSchema, watchdogSchema } from "./peripheral_schema.js";
import { choice, mapping, path, programPath, roleName, size, text, whole } from "./schema_terms.js";

/** Largest value of a throttle, in bytes or operations per second: THROTTLE_VALUE_MAX, QEMU include/qemu/throttle.h. */
export const THROTTLE_MAX = 1_000_000_000_000_000;

/**
 * Half of the 20 s after which a Linux guest reports a CPU that waits for a device as locked up (twice watchdog_thresh,
 * Documentation/admin-guide/lockup-watchdogs.rst), a third of the 30 s that it gives a SCSI command.
 */
const HANG_DEADLINE_DEFAULT_MS = 10_000;

const DEVICE_ID = /^[a-z][a-z0-9]{0,15}$/;
const DEVICE_ID_EXPECTATION = "a device id: 1 to 16 of a-z and 0-9, a letter first";

type VmSchema = ReturnType<typeof makeVmSchema>;
/** A VM file whose shape is right, with its defaults filled in. What the keys say together is checked by vm_rules.ts. */
export type VmFile = Infer<VmSchema>;
export type DeviceFile = VmFile["devices"][number];
/** A file that a qcow2 image takes from what it does not hold itself; it may have one of its own. */
export interface BackingFile {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  readonly dataFile?: string | undefined;
  readonly backing?: BackingFile | undefined;
}

let schema: VmSchema | undefined;

/** The one source of the check of a VM file's shape, of the type VmFile and of the published JSON Schema. */
export function vmSchema(): VmSchema {
  schema ??= makeVmSchema(loadZod());
  return schema;
}

function makeVmSchema(z: Zod) {
  return mapping(z, {
    name: text(z, /^[a-z0-9][a-z0-9-]{0,31}$/, "a VM name: 1 to 32 of a-z, 0-9 and -, not starting with -"),
    machine: mapping(z, {
      memory: size(z),
      cpus: z._default(whole(z, { min: 1, max: 64 }), 1),
      accel: z._default(choice(z, ["kvm", "tcg", "auto"]), "auto"),
      hotPlugSlots: z.optional(whole(z, { min: 1, max: 8 })),
    }),
    boot: z.optional(bootSchema(z)),
    console: z._default(mapping(z, { serial: z._default(serialSchema(z), "none") }), { serial: "none" }),
    devices: z._default(z.array(deviceSchema(z), "a list of devices"), []),
    require: z._default(z.array(choice(z, LAYERS), "a list of layers"), []),
    onDeviceExit: z._default(choice(z, ["stop", "pause"]), "stop"),
    hangDeadlineMs: z._default(whole(z, { min: 1000, max: 600_000 }, "milliseconds"), HANG_DEADLINE_DEFAULT_MS),
    shutdownGraceMs: z._default(whole(z, { min: 0, max: 600_000 }, "milliseconds"), 5000),
  });
}

function bootSchema(z: Zod) {
  // COMMAND_LINE_SIZE without its NUL: arch/x86/include/asm/setup.h.
  const append = text(z, /^[^\p{Cc}]{0,2047}$/u, "a kernel command line of at most 2047 characters on one line");
  return mapping(z, {
    disk: z.optional(text(z, DEVICE_ID, DEVICE_ID_EXPECTATION)),
    kernel: z.optional(mapping(z, { file: path(z), initrd: z.optional(path(z)), append: z.optional(append) })),
  }).check(z.meta({ oneOf: [{ required: ["disk"] }, { required: ["kernel"] }] }));
}

function serialSchema(z: Zod) {
  return z.union([choice(z, ["stdio", "none"]), mapping(z, { file: path(z) })], "stdio, none or {file: PATH}");
}

/** The entry of one device, in a list or in a file of its own. */
export function deviceSchema(z: Zod) {
  return mapping(z, {
    id: text(z, DEVICE_ID, DEVICE_ID_EXPECTATION),
    role: roleName(z),
    model: z.optional(text(z, /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a QEMU device model such as lsi53c895a or e1000")),
    program: z.optional(programPath(z)),
    disk: z.optional(diskSchema(z)),
    net: z.optional(netSchema(z)),
    serial: z.optional(serialLineSchema(z)),
    usb: z.optional(usbSchema(z)),
    audio: z.optional(audioSchema(z)),
    watchdog: z.optional(watchdogSchema(z)),
    limits: z._default(limitsSchema(z), {}),
  }).check(z.meta({ oneOf: [{ required: ["model"] }, { required: ["program"] }] }));
}

function diskSchema(z: Zod) {
  return mapping(z, {
    file: path(z),
    format: z._default(choice(z, ["raw", "qcow2"]), "raw"),
    readOnly: z._default(z.boolean("true or false"), false),
    dataFile: z.optional(path(z)),
    backing: z.optional(backingSchema(z)),
  });
}

/** Without a default for `format`: a wrong one would show the guest other data, and it is never read from the image. */
function backingSchema(z: Zod) {
  const schema: ZodMiniType<BackingFile> = z.lazy(() =>
    mapping(z, {
      file: path(z),
      format: choice(z, ["raw", "qcow2"]),
      dataFile: z.optional(path(z)),
      backing: z.optional(schema),
    }).check(z.meta({ description: "a backing file, opened read-only" })),
  );
  return schema;
}

function netSchema(z: Zod) {
  // dev_valid_name() in net/core/dev.c refuses / : white space, "." and ".."; IFNAMSIZ is 16 with the NUL. "%" makes TUNSETIFF
  // choose a number, so that the tap would be another than the one that was permitted.
  const tap = text(
    z,
    /^(?!\.{1,2}$)[!-$&-.0-9;-~]{1,15}$/,
    "the name of a tap interface: 1 to 15 printable ASCII characters without space, /, : and %",
  );
  // The lowest bit of the first octet is the group bit (IEEE 802): a card's own address has it clear.
  const mac = text(z, /^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$/, 'a unicast MAC address such as "52:54:00:12:34:56"');
  return mapping(z, {
    tap: z.optional(tap),
    disconnected: z.optional(z.literal(true, "true, or left out")),
    mac: z.optional(mac),
  }).check(z.meta({ oneOf: [{ required: ["tap"] }, { required: ["disconnected"] }] }));
}

function limitsSchema(z: Zod) {
  const operations = () => z.optional(whole(z, { min: 1, max: THROTTLE_MAX }, "operations per second"));
  return mapping(z, {
    readBytesPerSecond: z.optional(size(z)),
    writeBytesPerSecond: z.optional(size(z)),
    readOperationsPerSecond: operations(),
    writeOperationsPerSecond: operations(),
  });
}
