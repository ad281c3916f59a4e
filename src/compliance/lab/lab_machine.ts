import type { BootFiles } from "./core_kernel.js";

/** Host files and sizes of one lab VM. */
export interface LabMachine {
  readonly bootFiles: BootFiles;
  readonly disk: string;
  readonly projectDisk: string;
  readonly modulesDisk: string;
  /** Raw file that the lab writes its results to, as a tar stream. The only disk that keeps what is written. */
  readonly resultsDisk: string;
  readonly memoryMib: number;
  readonly interactive: boolean;
}

/** Channels between the lab and its host: each a socket that QEMU inherits, so that no path exists and all end with QEMU. */
export const LAB_CHANNELS = ["console", "control", "stdout", "stderr", "shell"] as const;
export type LabChannel = (typeof LAB_CHANNELS)[number];
/** The first of them is file descriptor 3 in QEMU. */
export const FIRST_CHANNEL_FD = 3;

/**
 * Kernel command line of the lab. `quiet loglevel=4` keeps audit records off the serial line, which is slow; they are in the
 * kernel log, made large and, by init, unlimited. A panic or an oops ends QEMU at once (`-no-reboot`), with the reason on the
 * console. The last line is for speed, with `la57=off` below (docs/lab.md): an emulated CPU leaks nothing by speculation, and grace
 * periods that are not waited for make namespaces, mounts and groups quick.
 */
const KERNEL_PARAMETERS = [
  "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic",
  "lsm=landlock,yama,selinux,bpf selinux=1 enforcing=0",
  "audit=1 audit_backlog_limit=65536 log_buf_len=16M",
  "mitigations=off nokaslr rcupdate.rcu_expedited=1",
].join(" ");

/** Arguments of the QEMU that runs the lab. Pure TCG: it works on every host and emulates SVM for the KVM inside. */
export function planLabArguments(machine: LabMachine): string[] {
  const { bootFiles } = machine;
  const fdOf = (channel: LabChannel): number => FIRST_CHANNEL_FD + LAB_CHANNELS.indexOf(channel);
  const socket = (channel: LabChannel): string[] => ["-chardev", `socket,id=${channel},fd=${fdOf(channel)}`];
  const port = (channel: LabChannel): string[] => [
    ...socket(channel),
    ...["-device", `virtserialport,chardev=${channel},name=${channel}`],
  ];
  return [
    ...["-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-monitor", "none"],
    // Page tables of four levels instead of five: each miss of a nested guest walks both its own and the lab's.
    ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-m", `${machine.memoryMib}`],
    // Two threads in each core: core scheduling has nothing to do on cores with one.
    ...["-smp", "4,sockets=1,cores=2,threads=2"],
    ...["-kernel", bootFiles.kernel, "-initrd", bootFiles.initrd, "-append", KERNEL_PARAMETERS],
    ...socket("console"),
    ...["-serial", "chardev:console"],
    ...["-device", "virtio-serial-pci"],
    ...port("control"),
    ...port("stdout"),
    ...port("stderr"),
    ...(machine.interactive ? [...socket("shell"), "-device", "virtconsole,chardev=shell"] : []),
    ...["-device", "virtio-rng-pci"],
    ...disk("root", machine.disk, true),
    ...disk("project", machine.projectDisk, true),
    ...disk("modules", machine.modulesDisk, true),
    ...disk("results", machine.resultsDisk, false),
  ];
}

/** With `snapshot`, writes go to a temporary file without a name: labs share images and leave nothing behind. */
function disk(serial: string, file: string, snapshot: boolean): string[] {
  const escaped = file.replaceAll(",", ",,");
  const drive = `if=none,id=${serial},file=${escaped},format=raw,cache=unsafe,snapshot=${snapshot ? "on" : "off"}`;
  return ["-drive", drive, "-device", `virtio-blk-pci,drive=${serial},serial=${serial}`];
}
