import { imageFiles } from "../plan/index.js";
import type { VmSpec } from "../spec/index.js";
import type { FileRequest } from "./image.js";
import { endsOfLine } from "./serial_line.js";

/** One place of a VM file that names a file. */
export interface Naming {
  readonly key: string;
  readonly label: string;
  readonly request: FileRequest;
}

/** What is no image; image keys hold no colon. */
export const KERNEL = "boot:kernel";
export const INITRD = "boot:initrd";
export const LOG = "console:serial";

export function nameImages(spec: VmSpec): Naming[] {
  return spec.devices.flatMap((device, index) =>
    imageFiles(device).map(({ key, layer, isData, file: path }): Naming => {
      const at = ["devices", index, "disk", ...Array<string>(layer).fill("backing"), isData ? "dataFile" : "file"];
      const access = layer === 0 && device.disk?.readOnly === false ? "rw" : "r";
      const parts = [...(layer === 0 ? [] : [`backing file ${layer}`]), ...(isData ? ["its data file"] : [])];
      const label = `"${device.id}"${parts.length === 0 ? "" : ` (${parts.join(", ")})`}`;
      return { key, label, request: { path, access, position: () => spec.source.locate(at) } };
    }),
  );
}

export function nameBootFiles(spec: VmSpec): Naming[] {
  if (spec.boot?.kind !== "kernel") return [];
  const { file, initrd } = spec.boot;
  const wanted = (path: string, key: string): FileRequest => {
    return { path, access: "r", position: () => spec.source.locate(["boot", "kernel", key]) };
  };
  const kernel = { key: KERNEL, label: "the kernel", request: wanted(file, "file") };
  if (initrd === null) return [kernel];
  return [kernel, { key: INITRD, label: "the initial RAM disk", request: wanted(initrd, "initrd") }];
}

/** The console's log first, then the ends of the lines of serial ports. */
export function nameSerialFiles({ console, devices, source }: VmSpec): (Naming & { readonly device: string })[] {
  const at = (place: readonly (string | number)[]) => ({ position: () => source.locate(place) });
  const { serial } = console;
  const wanted = serial.kind === "file" ? [{ path: serial.file, access: "append", ...at(["console", "serial", "file"]) }] : [];
  const logs = wanted.map((request) => ({ key: LOG, device: "", label: "the serial console", request: request as FileRequest }));
  const lines = devices.flatMap((device, index) =>
    (device.serial === null ? [] : endsOfLine(device.serial)).map(({ end, path, access, key }) => ({
      key: lineKey(device.id, end),
      device: device.id,
      label: `"${device.id}"`,
      request: { path, access, ...at(["devices", index, "serial", key]) },
    })),
  );
  return [...logs, ...lines];
}

export function lineKey(device: string, end: string): string {
  return `${device}:${end}`;
}
