import { SpecError } from "../errors/index.js";
import { VMM_ID } from "../spec/index.js";

/**
 * What an operator may ask of any monitor: commands that read QEMU's own state, and for that neither open a path nor make a
 * system call that the role's policy allows at the start only. Names of QEMU 7.2, 10 and 11: qapi/*.json.
 */
const READING = [
  "query-block",
  "query-block-jobs",
  "query-blockstats",
  "query-chardev",
  "query-commands",
  "query-current-machine",
  "query-events",
  "query-iothreads",
  "query-jobs",
  "query-name",
  "query-named-block-nodes",
  "query-qmp-schema",
  "query-rx-filter",
  "query-status",
  "query-target",
  "query-uuid",
  "query-version",
  "qom-get",
  "qom-list",
  "qom-list-types",
] as const;

/** What only the VMM can tell. */
const READING_VMM = [
  "query-acpi-ospm-status",
  "query-balloon",
  "query-cpus-fast",
  "query-hotpluggable-cpus",
  "query-kvm",
  "query-memory-devices",
  "query-memory-size-summary",
  "query-pci",
] as const;

/** By role; a device's role is whatever is not the VMM's. */
export function permittedCommands(role: string): readonly string[] {
  return role === VMM_ID ? [...READING, ...READING_VMM] : READING;
}

/** Why commands are refused, by what they do; the first that matches. What matches none is refused as not on the list. */
const REFUSALS: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  {
    pattern: /^(human-monitor-command|device_add|device_del|object-add|object-del|qom-set|x-.*|.*capabilities)$/,
    why: "it changes what the VM is made of, which is verified against its plan; `bulkhead device` adds and removes devices",
  },
  {
    pattern: /^(quit|system_powerdown|system_reset|system_wakeup|stop|cont|set-action|inject-nmi|watchdog-set-action)$/,
    why: "it changes whether the guest runs, which its supervisor decides; `bulkhead stop` ends a VM in order",
  },
  {
    pattern: /^(add-fd|remove-fd|getfd|closefd|query-fdsets)$/,
    why: "file descriptors of a process are those on its manifest",
  },
  {
    pattern:
      /^(query-cpu-.*|query-gic-.*|query-sev.*|query-sgx.*|query-stats.*|query-dirty-rate|query-vcpu-.*|query-tpm.*|rtc-reset-.*)$/,
    why: "QEMU would open a path or make system calls for it that its policy allows at the start only, and be killed",
  },
  {
    pattern:
      /^(blockdev-.*|block-.*|block_.*|drive-.*|nbd-.*|change-.*|eject|transaction|netdev_.*|set_link|chardev-.*|ringbuf-.*|migrate.*|snapshot-.*|dump-.*|memsave|pmemsave|screendump|xen-.*|trace-.*|display-.*|client_migrate_info|announce-self|input-.*|send-key|set_password|expire_password|balloon|calc-.*|cxl-.*|job-.*|replay-.*)$/,
    why: "it opens paths or sockets, or changes a backend, which is decided when the VM is launched",
  },
];

/** Throws SpecError "qmp-forbidden", with its reason, for a command that is not for operators. QEMU is not asked. */
export function requirePermitted(role: string, command: string): void {
  if (permittedCommands(role).includes(command)) return;
  const known = REFUSALS.find(({ pattern }) => pattern.test(command));
  const vmmOnly = (READING_VMM as readonly string[]).includes(command);
  throw new SpecError({
    code: "qmp-forbidden",
    tried: `Cannot run the monitor command ${JSON.stringify(command)} in a process of role ${role}`,
    subject: command,
    answer: vmmOnly ? "only the VMM can answer it" : (known?.why ?? "it is not among the commands that only read"),
    remedy: `Permitted are: ${permittedCommands(role).join(", ")}.`,
  });
}
