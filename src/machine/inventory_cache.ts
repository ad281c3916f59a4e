import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { type InventoryRequest, isCurrent, type ProgramInventory, takeInventory } from "../host/index.js";
import { readJson, writeJson } from "../state/index.js";

/**
 * The inventory of a program and its files, taken anew only when one of the files changed since. A library that appears
 * earlier in the loader's search path later on is not noticed: what was taken stays a complete and working set.
 */
export async function knownInventory(cacheDirectory: string, request: InventoryRequest): Promise<ProgramInventory> {
  const directory = `${cacheDirectory}/inventories`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const key = createHash("sha256").update(JSON.stringify(request)).digest("hex");
  const path = `${directory}/${key}.json`;
  const kept = readKept(path);
  if (kept !== null && isCurrent(kept)) return kept;
  const inventory = await takeInventory(request);
  writeJson(path, inventory);
  return inventory;
}

/** A damaged entry is taken anew like an absent one. */
function readKept(path: string): ProgramInventory | null {
  try {
    return readJson(path) as ProgramInventory | null;
  } catch (error) {
    if (error instanceof StateError) return null;
    throw error;
  }
}
