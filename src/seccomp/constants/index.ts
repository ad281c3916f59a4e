import type { Constant, ConstantFamily } from "./constant_group.js";
import { DEVICE_IOCTLS } from "./device_ioctls.js";
import { KVM_IOCTLS } from "./kvm_ioctls.js";
import { MEMORY_AND_FILES } from "./memory_and_files.js";
import { PROCESSES_AND_SOCKETS } from "./processes_and_sockets.js";

export type { Constant, ConstantFamily } from "./constant_group.js";

/** Every constant that a policy may name without defining it. */
export const CONSTANTS: readonly Constant[] = [
  ...KVM_IOCTLS,
  ...DEVICE_IOCTLS,
  ...MEMORY_AND_FILES,
  ...PROCESSES_AND_SOCKETS,
].flatMap(({ family, header, values }) =>
  values
    .trim()
    .split(/\s+/)
    .map((word) => {
      const [name = "", value = ""] = word.split("=");
      return { name, value: BigInt(value), family, header };
    }),
);

const BY_NAME: ReadonlyMap<string, Constant> = new Map(CONSTANTS.map((constant) => [constant.name, constant]));

const BY_FAMILY: ReadonlyMap<ConstantFamily, readonly Constant[]> = new Map(
  [...new Set(CONSTANTS.map(({ family }) => family))].map((family) => [
    family,
    CONSTANTS.filter((constant) => constant.family === family),
  ]),
);

/** The constant of that name; undefined when the tables have none. */
export function findConstant(name: string): Constant | undefined {
  return BY_NAME.get(name);
}

/** Constants of one family, in the order of the tables. */
export function constantsOfFamily(family: ConstantFamily): readonly Constant[] {
  return BY_FAMILY.get(family) ?? [];
}

/** Names of one family, for suggestions. */
export function constantNames(family: ConstantFamily): readonly string[] {
  return constantsOfFamily(family).map(({ name }) => name);
}
