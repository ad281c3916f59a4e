import { type Control, readControlFolders } from "../../compliance/index.js";
import { SpecError } from "../../errors/index.js";
import { closestCandidate } from "../../text/index.js";
import { CONTROL_FOLDER } from "../installation.js";

export const CONTROLS_OPTION = ["--controls <folder...>", "folders of controls beside those that come with Bulkhead"] as const;

/** All controls, or those of these ids. Throws SpecError "control-unknown" and what the files' reading throws. */
export async function readControls(options: {
  readonly controls?: readonly string[];
  readonly control?: readonly string[];
}): Promise<readonly Control[]> {
  const all = await readControlFolders([CONTROL_FOLDER, ...(options.controls ?? [])]);
  const ids = all.map(({ id }) => id);
  const unknown = options.control?.find((id) => !ids.includes(id));
  if (unknown !== undefined) throw unknownName("control", unknown, ids);
  return all.filter(({ id }) => options.control?.includes(id) !== false);
}

/** For a name that the suite does not know. */
export function unknownName(what: "control" | "role", name: string, known: readonly string[]): SpecError {
  const closest = closestCandidate(name, known);
  return new SpecError({
    code: `${what}-unknown`,
    tried: `Cannot run the compliance suite: no ${what} "${name}"${closest === undefined ? "" : `; did you mean "${closest}"?`}`,
    subject: name,
    ...(closest === undefined
      ? { remedy: what === "role" ? `It has: ${known.join(", ")}.` : "List them: bulkhead comply list" }
      : {}),
  });
}
