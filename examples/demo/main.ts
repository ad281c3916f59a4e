/**
 * The demo behind `npm start`: launches examples/demo/vm.yaml on real QEMU, shows the guest's console, then what every
 * process held and which layers were enforced, and proves from the host side that the guest wrote through disk1.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BulkheadError,
  describeInspection,
  EXIT,
  type ExitCode,
  escapeControls,
  launch,
  openDirectories,
  parseVmText,
  readHostFile,
} from "../../src/index.js";
import { buildDemoImages, checkWrittenSector } from "./images.js";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
const VM_FILE = "examples/demo/vm.yaml";

/** Keys of the host file by the errors with which they refuse a VM. */
const REFUSING_KEYS: Readonly<Record<string, string>> = {
  "host-forbids": "limits",
  "image-outside-roots": "imageRoots",
  "layer-unavailable": "require",
};

/** One sentence where an operator's own rules stand in the demo's way, nothing where it is something else. */
async function wordOwnRules({ code }: BulkheadError): Promise<string> {
  const key = REFUSING_KEYS[code];
  if (key === undefined) return "";
  const { source } = await readHostFile();
  if (source === null) return "";
  return `The demo is refused by \`${key}\` of this host's own ${source.file}; without that key it runs.\n`;
}

async function runDemo(directory: string): Promise<ExitCode> {
  const images = await buildDemoImages(directory, join(REPOSITORY, "native/build/boot"));
  const spec = parseVmText(await readFile(join(REPOSITORY, VM_FILE), "utf8"), { file: VM_FILE, directory });
  const hostConfig = await readHostFile();
  const machine = await launch({
    spec,
    hostConfig,
    directories: openDirectories(),
    policyFolder: join(REPOSITORY, "policies"),
    qemu: hostConfig.qemu,
    stdio: { kind: "stream", output: process.stdout, input: null, escape: process.stdout.isTTY },
    onLogLine: () => {},
  });
  const ending = await machine.ended;
  const written = await checkWrittenSector(images.disk1);
  const { accel, accelWhy } = machine.plan.machine;
  process.stdout.write(`\nThe CPU ran in a process of its own with ${accel} (${accelWhy}).\n`);
  process.stdout.write(
    `What the kernel said of each process before the guest's first instruction:\n\n${describeInspection(machine.verified)}`,
  );
  process.stdout.write(`\nVM "${spec.name}" ended: ${escapeControls(ending.detail)}.\n`);
  process.stdout.write(`disk1, sector 9, read by the host: ${JSON.stringify(written.text)}, sum ${written.sum.toString(16)}`);
  process.stdout.write(
    written.genuine ? ", which only who read both disks can know.\n" : `, but ${written.expectedSum.toString(16)} was due.\n`,
  );
  return written.genuine ? ending.exitCode : EXIT.findings;
}

const directory = await mkdtemp(join(tmpdir(), "bulkhead-demo-"));
try {
  process.exitCode = await runDemo(directory);
} catch (error) {
  if (!(error instanceof BulkheadError)) throw error;
  process.stderr.write(`bulkhead: ${escapeControls(error.message)}\n${escapeControls(await wordOwnRules(error))}`);
  process.exitCode = error.exitCode;
} finally {
  await rm(directory, { recursive: true });
}
