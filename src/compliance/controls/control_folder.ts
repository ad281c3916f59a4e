import { readdirSync } from "node:fs";
import { join } from "node:path";
import { SpecError } from "../../errors/index.js";
import type { Control } from "./control.js";
import { readControlFile } from "./control_file.js";

/**
 * Every control of these folders, by id: one file each, `GROUP/ID-words.yaml`. Throws SpecError "spec-unreadable", "spec-invalid" and
 * "control-twice".
 */
export async function readControlFolders(folders: readonly string[]): Promise<readonly Control[]> {
  const controls = await Promise.all(folders.flatMap(listFiles).map(readControlFile));
  const byId = new Map<string, Control>();
  for (const control of controls) {
    const other = byId.get(control.id);
    if (other !== undefined) throw isTwice(control, other);
    byId.set(control.id, control);
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function listFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return names
      .filter((name) => name.endsWith(".yaml"))
      .sort()
      .map((name) => join(folder, name));
  } catch (cause) {
    throw new SpecError({
      code: "spec-unreadable",
      tried: `Cannot read the folder of controls "${folder}"`,
      subject: folder,
      answer: (cause as NodeJS.ErrnoException).code ?? String(cause),
      remedy: "Name a folder that holds control files.",
      cause,
    });
  }
}

function isTwice({ id, file }: Control, other: Control): SpecError {
  return new SpecError({
    code: "control-twice",
    tried: `${file}: cannot add control ${id}`,
    subject: id,
    answer: `${other.file} has that id`,
    remedy: "Give it its own.",
  });
}
