import { HostError } from "../../errors/index.js";
import type { TargetFacts } from "../audited.js";
import { pictureProcess } from "../picture.js";
import { LiveReader, type LiveRequest, landlockUnknown } from "./live_reader.js";

/** Reads one live process, ours or not, and changes nothing. Throws HostError "process-gone" (exit 3). */
export function auditProcess(pid: number, request: LiveRequest): TargetFacts {
  const reader = new LiveReader(request);
  const read = reader.read(pid);
  if (read === null) {
    throw new HostError({
      code: "process-gone",
      tried: `Cannot audit process ${pid}`,
      subject: String(pid),
      answer: "there is no such process, or it ended while it was read",
      remedy: "`ps -e` lists those that run.",
    });
  }
  const { facts } = read;
  const { audited, unknown } = reader.judge(read);
  const picture = { processes: [pictureProcess(`process ${pid}`, facts)], edges: [] };
  return {
    target: facts.subject,
    audited: [audited],
    unknown: [...unknown, ...landlockUnknown(facts.subject, reader.host)],
    grants: [],
    picture,
  };
}
