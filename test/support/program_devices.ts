import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildRoot, repositoryRoot } from "./repository.js";

/** Where programs of devices stand in a fixture's directory: root's own, as a host file wants them, whoever owns the checkout. */
export interface InstalledPrograms {
  readonly reference: string;
  readonly engine: string;
  /** The key of a host file that permits both. */
  readonly hostText: string;
}

/** Relative to the checkout, which the addon's place beside the bundle is, too. */
const REFERENCE = "native/build/reference_device/reference_device";
const ENGINE = "dist/bundle/devices/dma_engine.mjs";
const ADDON = "native/build/Release/bulkhead.node";

/** Copies the reference device and the DMA engine of examples/ to `directory`. */
export function installPrograms(directory: string): InstalledPrograms {
  const install = (file: string, from: string): string => {
    const to = join(directory, "programs", file);
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
    return to;
  };
  const reference = install(REFERENCE, join(repositoryRoot, REFERENCE));
  const engine = install(ENGINE, join(buildRoot, "bundle/devices/dma_engine.mjs"));
  const addon = install(ADDON, join(repositoryRoot, ADDON));
  const interpreter = `[${process.execPath}, --jitless]`;
  const hostText = `programs:
  - {file: ${reference}, roles: [reference-device]}
  - {file: ${engine}, roles: [javascript-device], interpreter: ${interpreter}, files: [${addon}]}
`;
  return { reference, engine, hostText };
}
