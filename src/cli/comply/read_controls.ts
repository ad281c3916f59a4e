import { type Control, readControlFolders } from "../../compliance/index.js";
import { SpecError } from "../../errors/index.js";
import { suggestFrom } from "../../text/index.js";
import { CONTROL_FOLDER } from "../installation.js";

export const CONTROLS_OPTION = ["--controls <folder...>", "folders of controls beside those that come with Bulkhead"] as const;

/** All controls, or the one of this id. Throws SpecError "control-unknown" and what the files' reading throws. */
export async function readControls(options: {
  readonly controls?: readonly string[];
  readonly control?: string;
}): Promise<readonly Control[]> {
  const all = await readControlFolders([CONTROL_FOLDER, ...(options.controls ?? [])]);
  const { control: id } = options;
  if (id === undefined) return all;
  const found = all.filter((control) => control.id === id);
  if (found.length > 0) return found;
  const ids = all.map((control) => control.id);
  throw unknownName("control", id, ids);
}

/** Throws it for a name that the suite does not know. */
export function unknownName(what: "control" | "role", name: string, known: readonly string[]): SpecError {
  return new SpecError({
    code: `${what}-unknown`,
    tried: `Cannot run the compliance suite: no ${what} "${name}"${suggestFrom(name, known)}`,
    subject: name,
  });
}
