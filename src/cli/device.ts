import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { addDeviceToVm, askSupervisor } from "../machine/index.js";
import { parseDeviceText, readDeviceText } from "../spec/index.js";
import { openDirectories } from "../state/index.js";
import { escapeControls } from "../text/index.js";
import { requireSupervised } from "./known_vm.js";

/** How long `remove` waits for the guest unless it is told otherwise, in ms. */
const WAIT_DEFAULT_MS = 30_000;
/** What the supervisor needs beyond that to start or end a process, in ms. */
const WORK_GRACE_MS = 30_000;

export function addDevice(program: Command): void {
  const device = program
    .command("device")
    .description("Add a device to a running VM, in a process of its own, or take it away again.")
    .addHelpText("after", "\nExamples:\n  bulkhead device add web1 disk2.yaml\n  bulkhead device remove web1 disk2");
  device
    .command("add")
    .description("Start a device's process, confined and verified as at launch, and plug the device into the VM.")
    .argument("<vm>", "name of the VM")
    .argument("<file>", "device file: one entry of `devices` as in a VM file")
    .addHelpText(
      "after",
      "\nThe VM file must give the machine `hotPlugSlots`. Relative paths in the device file start from its own directory.\n" +
        "\nExamples:\n  bulkhead device add web1 disk2.yaml",
    )
    .action(async (vm: string, file: string) => {
      const text = await readDeviceText(file);
      const directory = dirname(resolve(file));
      const added = parseDeviceText(text, { file, directory });
      const { id } = added.device;
      const directories = openDirectories();
      const { pid, warning } = await addDeviceToVm(directories, requireSupervised(directories, vm), added);
      if (warning !== null) process.stderr.write(`bulkhead: warning: ${id}: ${escapeControls(warning)}\n`);
      process.stderr.write(`bulkhead: device "${id}" is part of VM "${vm}", emulated by process ${pid}\n`);
    });
  device
    .command("remove")
    .description("Ask the guest to let go of a device that was added, wait until it has, and end its process.")
    .argument("<vm>", "name of the VM")
    .argument("<id>", "id of the device")
    .option("--wait-ms <ms>", "how long the guest may take", parseWait, WAIT_DEFAULT_MS)
    .addHelpText(
      "after",
      "\nExits with 3 when the guest does not let go in time; the device stays until it does.\n" +
        "\nExamples:\n  bulkhead device remove web1 disk2\n  bulkhead device remove --wait-ms 2000 web1 disk2",
    )
    .action(async (vm: string, id: string, { waitMs }: { waitMs: number }) => {
      const run = requireSupervised(openDirectories(), vm);
      await askSupervisor(run, { request: "device-remove", id, waitMs }, { deadlineMs: waitMs + WORK_GRACE_MS });
      process.stderr.write(`bulkhead: device "${id}" is gone from VM "${vm}"\n`);
    });
}

/** An hour is more than any guest takes. */
const WAIT_MAX_MS = 3_600_000;

function parseWait(text: string): number {
  const waitMs = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (waitMs <= WAIT_MAX_MS) return waitMs;
  throw new InvalidArgumentError(`It is a whole number of ms, at most ${WAIT_MAX_MS}.`);
}
