/** What the guest kit's init reported on its console: native/lab/guest_init.sh writes it, docs/lab.md documents it. */
export interface GuestReport {
  readonly kernel: string | null;
  readonly pci: readonly PciDevice[];
  readonly disks: readonly GuestDisk[];
  readonly reads: readonly Checksum[];
  readonly writes: readonly Checksum[];
  /** What was read back after each write, past the guest's cache. */
  readonly verifies: readonly Checksum[];
  readonly nets: readonly GuestNet[];
  readonly interrupts: readonly InterruptCount[];
  /** PCI addresses of the hot-plugged devices that went again, in order. */
  readonly removed: readonly string[];
  readonly errors: readonly string[];
  /** null: the guest did not come to its end. */
  readonly status: "ok" | "failed" | null;
}

export interface PciDevice {
  readonly address: string;
  /** Vendor and device, hexadecimal: `1000:0012`. */
  readonly id: string;
  readonly driver: string | null;
  readonly irq: number;
}

export interface GuestDisk {
  readonly name: string;
  readonly pci: string;
  readonly driver: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
}

export interface Checksum {
  readonly disk: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface GuestNet {
  readonly name: string;
  readonly pci: string;
  readonly driver: string;
  readonly sentPackets: number;
  readonly receivedPackets: number;
}

export interface InterruptCount {
  readonly irq: number;
  /** Since the guest's boot, over all its CPUs. */
  readonly count: number;
  /** Names that the drivers gave; several when a line is shared. */
  readonly users: readonly string[];
}

type Fields = Readonly<Record<string, string>>;

/** Reads a guest's console. Lines that are not the kit's are left out: a kernel message may stand between them. */
export function parseGuestReport(console: string): GuestReport {
  const facts = [...console.matchAll(/^bulkhead: (\w+) ?(.*?)\r*$/gm)].map(([, kind = "", rest = ""]) => ({
    kind,
    fields: Object.fromEntries([...rest.matchAll(/(\w+)=(\S*)/g)].map(([, key = "", value = ""]) => [key, value])) as Fields,
  }));
  const all = <T>(kind: string, read: (fields: Fields) => T): T[] =>
    facts.filter((fact) => fact.kind === kind).map((fact) => read(fact.fields));
  const status = all("end", (fields) => fields["status"])[0];
  return {
    kernel: all("start", (fields) => text(fields, "kernel"))[0] ?? null,
    pci: all("pci", readPci),
    disks: all("disk", readDisk),
    reads: all("read", readChecksum),
    writes: all("write", readChecksum),
    verifies: all("verify", readChecksum),
    nets: all("net", readNet),
    interrupts: all("interrupts", readInterrupts),
    removed: all("removed", (fields) => text(fields, "address")),
    errors: all("error", (fields) => text(fields, "step")),
    status: status === "ok" || status === "failed" ? status : null,
  };
}

/** The bytes that the kit writes to a disk: one line over and over, cut at `sizeBytes`. */
export function writePattern(pciAddress: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, `bulkhead ${pciAddress}\n`);
}

const text = (fields: Fields, key: string): string => fields[key] ?? "";
const number = (fields: Fields, key: string): number => Number(fields[key] ?? Number.NaN);

function readPci(fields: Fields): PciDevice {
  const driver = text(fields, "driver");
  return {
    address: text(fields, "address"),
    id: text(fields, "id"),
    driver: driver === "none" ? null : driver,
    irq: number(fields, "irq"),
  };
}

function readDisk(fields: Fields): GuestDisk {
  return {
    name: text(fields, "name"),
    pci: text(fields, "pci"),
    driver: text(fields, "driver"),
    sizeBytes: number(fields, "bytes"),
    readOnly: text(fields, "read_only") === "1",
  };
}

function readChecksum(fields: Fields): Checksum {
  return {
    disk: text(fields, "disk"),
    offsetBytes: Number(fields["offset"] ?? 0),
    sizeBytes: number(fields, "bytes"),
    sha256: text(fields, "sha256"),
  };
}

function readNet(fields: Fields): GuestNet {
  return {
    name: text(fields, "name"),
    pci: text(fields, "pci"),
    driver: text(fields, "driver"),
    sentPackets: number(fields, "sent"),
    receivedPackets: number(fields, "received"),
  };
}

function readInterrupts(fields: Fields): InterruptCount {
  return { irq: number(fields, "irq"), count: number(fields, "count"), users: text(fields, "users").split(",") };
}
