import { SpecError } from "../errors/index.js";
import { type Problem, quoteValue, type YamlTree } from "../text/index.js";
import { loadZod } from "./deferred_zod.js";
import { findBrokenDeviceRules } from "./device_rules.js";
import { checkFile, type TextOrigin } from "./file_check.js";
import { readFileText } from "./file_text.js";
import { toDeviceSpec } from "./vm_file.js";
import { type DeviceFile, deviceSchema } from "./vm_schema.js";
import type { DeviceSpec, SpecSource, VmSpec } from "./vm_spec.js";

/** A device that is to be added to a VM: what its file says, and where. */
export interface AddedDevice {
  readonly device: DeviceSpec;
  readonly source: SpecSource;
}

/** The text of a device file, unchecked. Throws SpecError "spec-unreadable". */
export function readDeviceText(file: string): Promise<string> {
  return readFileText({ file, title: "device file" });
}

/** Checks the text of a device file: one entry of `devices` as in a VM file. Throws SpecError "spec-invalid". */
export function parseDeviceText(text: string, origin: TextOrigin): AddedDevice {
  const schema = deviceSchema(loadZod());
  const kind = { schema, findBrokenRules: (tree: YamlTree) => findBrokenRules(tree, schema), example: "id: disk1" };
  const { data, source } = checkFile<DeviceFile>(text, origin, kind);
  return { device: toDeviceSpec(data), source };
}

/** The rules of a list that has this entry only, with places in a file that is the entry. */
function findBrokenRules(tree: YamlTree, schema: ReturnType<typeof deviceSchema>): Problem[] {
  const sound = schema.safeParse(tree.value);
  const problems: Problem[] = [];
  if (!sound.success) return problems;
  findBrokenDeviceRules([{ index: 0, device: sound.data }], (path, message) => {
    problems.push({ offset: tree.offsetOf(path.slice(2)), message });
  });
  return problems;
}

/** The VM with one device more. Throws SpecError "device-conflict" when it has the id, the tap or the address of another. */
export function addDeviceToSpec(spec: VmSpec, added: AddedDevice): VmSpec {
  const { device, source } = added;
  const index = spec.devices.length;
  for (const other of spec.devices) {
    refuseSame(added, { key: ["id"], what: "device id", own: device.id, others: other.id });
    refuseSame(added, { key: ["net", "tap"], what: "tap", own: tapOf(device), others: tapOf(other) });
    refuseSame(added, { key: ["net", "mac"], what: "MAC address", own: device.net?.mac ?? null, others: other.net?.mac ?? null });
  }
  const locate: SpecSource["locate"] = (path) =>
    path[0] === "devices" && path[1] === index ? source.locate(path.slice(2)) : spec.source.locate(path);
  // Its relative paths start from its own file's directory.
  return { ...spec, devices: [...spec.devices, device], source: { ...source, locate } };
}

function tapOf(device: DeviceSpec): string | null {
  return device.net?.kind === "tap" ? device.net.tap : null;
}

interface Claim {
  readonly key: readonly string[];
  readonly what: string;
  readonly own: string | null;
  readonly others: string | null;
}

function refuseSame({ device, source }: AddedDevice, { key, what, own, others }: Claim): void {
  if (own === null || own !== others) return;
  throw new SpecError({
    code: "device-conflict",
    tried: `${source.locate(key)}: cannot add device "${device.id}"`,
    subject: device.id,
    answer: `a device of the VM has the ${what} ${quoteValue(own)}`,
    remedy: "Give it its own.",
  });
}
