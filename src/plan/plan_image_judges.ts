import type { ResolvedPolicy } from "../policy/index.js";
import type { LayerStatuses } from "../spec/index.js";
import { imageKey, imageLayers } from "./image_nodes.js";
import type { FdPlan, FdSource, ProcessCgroupPlan, ProcessPlan } from "./launch_plan.js";
import { planProcessCgroup } from "./limits.js";
import type { DevicePlanInputs, ImageFacts } from "./plan_inputs.js";
import { planConfinement, roleOf } from "./process_confinement.js";

/** The role that judges images: policies/roles/image-judge.yaml. */
export const IMAGE_JUDGE_ROLE = "image-judge";

/** As native/judge/image_judge.cc has them; 0 to 2 are /dev/null. */
export const JUDGE_FDS = { launcher: 3, image: 4 } as const;

/** It has nothing to log; what it says is its verdict. */
const JUDGE_STANDARD_FDS: readonly FdPlan[] = [
  ...[0, 1, 2].map((fd): FdPlan => ({ fd, kind: "null", purpose: "nothing", access: "r", source: { from: "null" } })),
  { fd: JUDGE_FDS.launcher, kind: "unix-stream", purpose: "verdict", access: "rw", source: { from: "monitor" } },
];

/** A judge reads at most 110 MiB of tables; a hundredth of this in CPU seconds is what it was seen to take. */
const CPU_SECONDS_MAX = 10;
/** Its program, 2.1 MiB of buffers and its stack. */
const ADDRESS_SPACE_BYTES = 16 * 1024 * 1024;

/**
 * One judge for each qcow2 file of each disk. It has the uid of the device that the image is for, which does not live yet, and a
 * group of its own among the VM's for the milliseconds that it lives. CPU time, memory, threads and files are bounded by rlimits
 * too, which hold where no controller does.
 */
export function planImageJudges(inputs: DevicePlanInputs, layers: LayerStatuses): ProcessPlan[] {
  return inputs.spec.devices.flatMap((device) =>
    imageLayers(device).flatMap(({ format }, layer): ProcessPlan[] => {
      if (format !== "qcow2") return [];
      const image = inputs.images.get(imageKey(device.id, layer));
      if (image === undefined) throw new Error(`no image was opened for layer ${layer} of device ${device.id}`);
      const { path } = image;
      const source = layer === 0 ? ({ from: "image" } as const) : ({ from: "backing", layer } as const);
      return [
        planJudge(inputs, { key: imageKey(device.id, layer), image, source: { ...source, device: device.id, path } }, layers),
      ];
    }),
  );
}

interface JudgedImage {
  readonly key: string;
  readonly image: ImageFacts;
  readonly source: FdSource & { readonly device: string };
}

/** Without the guest's memory, which no judge maps. */
function planJudgeCgroup(inputs: DevicePlanInputs, id: string, policy: ResolvedPolicy): ProcessCgroupPlan | null {
  const group = planProcessCgroup(inputs, { id, policy, cpus: 1, io: null });
  if (group === null || group.files["memory.max"] === undefined) return group;
  return { ...group, files: { ...group.files, "memory.max": String(policy.limits.overheadBytes) } };
}

function planJudge(inputs: DevicePlanInputs, judged: JudgedImage, layers: LayerStatuses): ProcessPlan {
  const { key, image, source } = judged;
  const role = roleOf(inputs, IMAGE_JUDGE_ROLE);
  const own = { role, accel: "tcg", boot: null, image: "judge", fileBytesMax: 0 } as const;
  const confinement = planConfinement(inputs, { id: source.device, ...own });
  const id = `${key}-judge`;
  return {
    id,
    role: IMAGE_JUDGE_ROLE,
    argv: [role.inventory.program],
    ...confinement,
    limits: { ...confinement.limits, as: ADDRESS_SPACE_BYTES, cpu: CPU_SECONDS_MAX },
    fds: [...JUDGE_STANDARD_FDS, { fd: JUDGE_FDS.image, kind: image.kind, purpose: `image ${key}`, access: "r", source }],
    monitor: [],
    cgroup: planJudgeCgroup(inputs, id, role.policy),
    layers,
  };
}
