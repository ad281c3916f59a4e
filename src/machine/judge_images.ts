import { SpecError } from "../errors/index.js";
import { imageKey, JUDGE_FDS, type LaunchPlan, type ProcessPlan } from "../plan/index.js";
import { type ConfinedProcess, openSession, prepareRoot, removeCgroup, type Session, startProcess } from "../sandbox/index.js";
import { logEvent } from "../state/index.js";
import { quoteValue } from "../text/index.js";
import { verifyMachine } from "../verify/index.js";
import { describeExit } from "./ending.js";
import type { OpenedFile } from "./image.js";
import { decodeVerdict, type ImageVerdict, VERDICT_BYTES } from "./image_verdict.js";
import { JudgeChannel, JudgeFds } from "./judge_channel.js";
import type { PlanRequest } from "./prepare_plan.js";
import type { ResolvedRole } from "./resolved_role.js";

/** Longest wait for a verdict, in ms. Most take 10; reading 100 MiB of tables from a slow disk takes a second. */
const VERDICT_DEADLINE_MS = 10_000;

export interface JudgeInputs {
  readonly request: PlanRequest;
  readonly plan: LaunchPlan;
  readonly role: ResolvedRole;
  /** By imageKey(). */
  readonly images: ReadonlyMap<string, OpenedFile>;
}

interface Sitting extends JudgeInputs {
  readonly session: Session;
}

/**
 * Has every qcow2 image of a plan judged, each by a confined process of its own that is verified before it reads the first
 * byte. Returns the size of the disk that each holds, in bytes, by imageKey(). Throws SpecError "image-malformed",
 * "image-names-files", "image-encrypted" or "image-hostile" with the image's place.
 */
export async function judgeImages(inputs: JudgeInputs): Promise<ReadonlyMap<string, bigint>> {
  const { plan, role, request } = inputs;
  const virtualBytes = new Map<string, bigint>();
  if (plan.judges.length === 0) return virtualBytes;
  await prepareRoot(request.directories.cache, role.inputs.inventory, plan.judges[0]?.selinux ?? null);
  // The VM's own is made when its processes start: a judge is never in one session with them.
  const session = openSession({ ...plan, processes: plan.judges });
  try {
    // One after the other: judges of one device have one uid, and none may meet another.
    for (const judge of plan.judges) {
      const image = findImage(inputs, judge);
      virtualBytes.set(image.key, await judgeImage({ ...inputs, session }, judge, image));
    }
    return virtualBytes;
  } finally {
    session.close();
  }
}

async function judgeImage(inputs: Sitting, judge: ProcessPlan, image: JudgedImage): Promise<bigint> {
  const verdict = await askJudge(inputs, judge, image.file);
  if (typeof verdict === "string") throw refused(image, { ...HOSTILE, answer: verdict });
  if (!verdict.sound) throw refused(image, malformed(verdict));
  const refusal = refusalOf(verdict, image);
  if (refusal !== null) throw refused(image, refusal);
  return verdict.virtualBytes;
}

interface Refusal {
  readonly code: string;
  readonly answer: string;
  readonly remedy: string;
}

function refused(image: JudgedImage, refusal: Refusal): SpecError {
  const tried = `${image.position()}: cannot use the qcow2 image ${quoteValue(image.name)}`;
  return new SpecError({ ...refusal, tried, subject: image.file.facts.path });
}

const HOSTILE = { code: "image-hostile", remedy: "Do not use it; keep it to report it." };
const NAMES_FILES = "image-names-files";

function malformed({ fault, value, offset }: ImageVerdict & { readonly sound: false }): Refusal {
  return {
    code: "image-malformed",
    answer: `${fault} (${value} at offset ${offset})`,
    remedy: "Name a sound one, or make one of it with qemu-img convert on a machine that may be lost.",
  };
}

/** Null for an image that the VM file describes rightly. */
function refusalOf(verdict: ImageVerdict & { readonly sound: true }, named: NamedFiles): Refusal | null {
  const { hasBacking, hasData } = named;
  if (verdict.isEncrypted) {
    return {
      code: "image-encrypted",
      answer: "it is encrypted, and a VM file has no place for a key",
      remedy: "Name a decrypted copy.",
    };
  }
  if (verdict.namesDataFile && !hasData) {
    const remedy = 'Name that beside "file": dataFile: PATH. Or take the data in: qemu-img convert -O qcow2 makes such a copy.';
    return { code: NAMES_FILES, answer: "it keeps its data in another file, and the VM file names none", remedy };
  }
  if (!verdict.namesDataFile && hasData) {
    const answer = "it keeps its data in itself, and the VM file names a data file";
    return { code: NAMES_FILES, answer, remedy: 'Remove the key "dataFile".' };
  }
  if (verdict.backingName !== null && !hasBacking) {
    const answer = `it takes data from a backing file, ${quoteValue(verdict.backingName)}, and the VM file names none`;
    return { code: NAMES_FILES, answer, remedy: 'Name it beside "file": backing: {file: PATH, format: FORMAT}.' };
  }
  if (verdict.backingName === null && hasBacking) {
    return {
      code: NAMES_FILES,
      answer: "it has no backing file, and the VM file names one",
      remedy: 'Remove the key "backing".',
    };
  }
  return null;
}

/** What the VM file names beside an image. */
interface NamedFiles {
  readonly hasBacking: boolean;
  readonly hasData: boolean;
}

interface JudgedImage extends NamedFiles {
  /** As imageKey() names it. */
  readonly key: string;
  readonly file: OpenedFile;
  readonly name: string;
  readonly position: () => string;
}

function findImage({ request, images }: JudgeInputs, judge: ProcessPlan): JudgedImage {
  const source = judge.fds.find((fd) => fd.fd === JUDGE_FDS.image)?.source;
  if (source?.from !== "image" && source?.from !== "backing") throw new Error(`the plan of ${judge.id} has no image`);
  const layer = source.from === "image" ? 0 : source.layer;
  const key = imageKey(source.device, layer);
  const file = images.get(key);
  const { devices, source: text } = request.spec;
  const index = devices.findIndex((device) => device.id === source.device);
  const disk = devices[index]?.disk;
  if (file === undefined || disk === undefined || disk === null) throw new Error(`no image was opened for ${judge.id}`);
  const place = ["devices", index, "disk", ...Array<string>(layer).fill("backing"), "file"];
  const { file: name = "", dataFile } = [disk, ...disk.backing][layer] ?? {};
  const named = { hasBacking: layer < disk.backing.length, hasData: dataFile !== undefined };
  return { key, file, name, ...named, position: () => text.locate(place) };
}

/** Why there is no verdict, in words, when the judge died, fell silent or said something else: its image made it do so. */
async function askJudge(inputs: Sitting, plan: ProcessPlan, image: OpenedFile): Promise<ImageVerdict | string> {
  const { role, session } = inputs;
  const fds = new JudgeFds(plan, image);
  let confined: ConfinedProcess | undefined;
  try {
    const { places } = fds;
    confined = await startProcess({ plan, manifest: places, filter: role.filter, bootFiles: [], session });
    const { pid } = confined;
    // Before it reads the first byte: what it waits for comes after this.
    const { gate } = confined;
    const verify = () => {
      gate?.lock();
      const phase = gate?.phase ?? null;
      const started = { plan, pid, session: session.id, phase, inventory: role.inputs.inventory, held: fds.held };
      verifyMachine({ ...inputs.plan, processes: [plan], cgroup: null }, [started]);
      fds.close();
    };
    return await converse(inputs, confined, { channel: new JudgeChannel(fds.takeNear()), verify });
  } finally {
    fds.close();
    confined?.kill();
    // The next judge of this image, another day, makes its own.
    if (plan.cgroup !== null) await removeCgroup(plan.cgroup.path);
  }
}

async function converse(
  { request }: JudgeInputs,
  confined: ConfinedProcess,
  { channel, verify }: { readonly channel: JudgeChannel; readonly verify: () => void },
): Promise<ImageVerdict | string> {
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    confined.kill();
  }, VERDICT_DEADLINE_MS);
  try {
    await channel.read(1);
    verify();
    channel.go();
    const answer = await channel.read(VERDICT_BYTES);
    channel.close();
    const status = await confined.ended;
    if (late) return `the process that judged it had not answered after ${VERDICT_DEADLINE_MS} ms`;
    if (status.exitCode === 0)
      return decodeVerdict(answer) ?? "the process that judged it answered something else than a verdict";
    const detail = `the process that judged it died of ${describeExit(status)}`;
    logEvent(request.directories, {
      event: "intrusion",
      vm: request.spec.name,
      process: confined.plan.id,
      detail,
      syscall: null,
    });
    return detail;
  } finally {
    clearTimeout(deadline);
    channel.close();
  }
}
