import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { StateError } from "../errors/index.js";
import {
  type InventoryRequest,
  isCurrent,
  type ProgramFiles,
  type ProgramInventory,
  type StaticProgram,
  substituteProgram,
  takeDeviceInventory,
  takeInventory,
  takeStaticInventory,
} from "../host/index.js";
import { readJson, writeJson } from "../state/index.js";

/**
 * The inventory of a program and its files, taken anew only when one of the files changed since. A library that appears
 * earlier in the loader's search path later on is not noticed: what was taken stays a complete and working set.
 */
export function knownInventory(cacheDirectory: string, request: InventoryRequest): Promise<ProgramInventory> {
  return keptOr(inventoryPath(cacheDirectory, request), () => takeInventory(request));
}

/** Likewise of a program of the host file. */
export function knownDeviceInventory(cacheDirectory: string, program: ProgramFiles): Promise<ProgramInventory> {
  const { file, interpreter, files } = program;
  const asked = { file, interpreter, files };
  return keptOr(inventoryPath(cacheDirectory, asked), () => takeDeviceInventory(asked));
}

async function keptOr(path: string, take: () => Promise<ProgramInventory>): Promise<ProgramInventory> {
  const kept = readKept(path);
  if (kept !== null && isCurrent(kept)) return kept;
  const inventory = await take();
  writeJson(path, inventory);
  return inventory;
}

/** First line of an installed program's `--version`, as its inventory has it. */
export async function installedVersion(cacheDirectory: string, program: Omit<InventoryRequest, "files">): Promise<string> {
  return (await knownInventory(cacheDirectory, { ...program, files: [] })).version;
}

/** The inventory of a program of ours, written down beside the others, so that a round of cleaning up knows whose its root is. */
export function recordedStaticInventory(cacheDirectory: string, program: StaticProgram): ProgramInventory {
  return record(inventoryPath(cacheDirectory, program), takeStaticInventory(program));
}

/** An installation with another program in the place of its own, written down likewise. */
export function recordedStandIn(cacheDirectory: string, installed: ProgramInventory, source: string): ProgramInventory {
  const inventory = substituteProgram(installed, source);
  return record(inventoryPath(cacheDirectory, { source, target: installed.program, version: installed.sha256 }), inventory);
}

function record(path: string, inventory: ProgramInventory): ProgramInventory {
  const kept = readKept(path);
  if (kept === null || !isCurrent(kept)) writeJson(path, inventory);
  return inventory;
}

/** Where the inventory of what was asked for is kept; its directory is made. */
function inventoryPath(cacheDirectory: string, asked: InventoryRequest | StaticProgram | ProgramFiles): string {
  const directory = `${cacheDirectory}/inventories`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return `${directory}/${createHash("sha256").update(JSON.stringify(asked)).digest("hex")}.json`;
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
