import { MachineError, PolicyError } from "../errors/index.js";
import type { DeviceSpec, ModelledDevice, VmSpec } from "../spec/index.js";
import type { PlanRequest, PreparedPlan } from "./prepare_plan.js";

/**
 * Prepares a plan. When a device's model stands in no role, QEMU is asked what it says of that model, in a device process that
 * is as confined as its role's others and reaches no backend and no VMM. Whatever it says, the launch is refused: throws
 * PolicyError "model-unlisted" with its words.
 */
export async function orTryModel(
  prepare: (request: PlanRequest) => Promise<PreparedPlan>,
  request: PlanRequest,
  tryFirstDevice: (prepared: PreparedPlan) => Promise<void>,
): Promise<PreparedPlan> {
  try {
    return await prepare(request);
  } catch (refusal) {
    if (!(refusal instanceof PolicyError) || refusal.code !== "model-unlisted") throw refusal;
    const index = request.spec.devices.findIndex(({ model }) => model === refusal.subject);
    const device = request.spec.devices[index] as ModelledDevice;
    const prepared = await prepare({ ...request, spec: reduceToModel(request.spec, device), anyModel: true });
    const words = await tryFirstDevice(prepared).then(() => null, wordsOf);
    throw wordTrial(device, request.spec.source.locate(["devices", index, "model"]), { words, refusal });
  }
}

/** The VM with nothing in it but the model: no file, no tap. */
function reduceToModel(spec: VmSpec, device: DeviceSpec): VmSpec {
  const bare = { ...device, disk: null, net: null, serial: null, usb: null, audio: null, watchdog: null, limits: {} };
  return { ...spec, boot: null, console: { serial: { kind: "none" } }, devices: [bare] };
}

/** QEMU's own words stand behind the option that they are about; other lines, of warnings, may come before. */
const OPTION_AND_WORDS = /-device \{[^}]*\}: (.*?)\.?$/;

function wordsOf(error: unknown): string {
  if (!(error instanceof MachineError)) throw error;
  const lastLine = error.message.split(" | ").at(-1) ?? "";
  return OPTION_AND_WORDS.exec(lastLine)?.[1] ?? lastLine.replace(/\.$/, "");
}

function wordTrial(device: ModelledDevice, position: string, trial: { words: string | null; refusal: PolicyError }): PolicyError {
  const { words, refusal } = trial;
  const needsMsi = words !== null && /\bMSI(-X)?\b/.test(words);
  const answer =
    words === null
      ? "QEMU would run it, but no role was written for it"
      : `no role was written for it, and QEMU refuses it: ${words}`;
  return new PolicyError({
    code: "model-unlisted",
    tried: `${position}: cannot run the device model "${device.model}" in the role ${device.role}`,
    subject: device.model,
    answer,
    remedy: needsMsi
      ? "Message-signalled interrupts do not reach a device process: take a model that does without them."
      : refusal.remedy,
    cause: refusal,
  });
}
