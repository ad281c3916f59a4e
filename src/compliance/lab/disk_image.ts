import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "./program.js";

const MIB = 1024 * 1024;

/** Room that a disk has beyond its content, in bytes. Sparse: it costs nothing until it is written. */
const FREE_BYTES = 1024 * MIB;

/**
 * Readies `directory` for makeDiskImage(): mke2fs gives every file system this directory, and only one that is already there when
 * the tree is labelled gets a label.
 */
export async function addLostAndFound(directory: string): Promise<void> {
  await mkdir(join(directory, "lost+found"), { mode: 0o700 });
}

/**
 * Makes `image` an ext4 file system with the content of `directory`, its extended attributes included. No journal: every lab
 * boots from a throw-away overlay of it, so that there is nothing to recover. Throws HostError "lab-program-failed".
 */
export async function makeDiskImage(image: string, directory: string, signal?: AbortSignal): Promise<void> {
  const { stdout } = await runProgram({ program: "du", args: ["-sm", "--apparent-size", directory], timeoutMs: 60_000 });
  const contentBytes = Number.parseInt(stdout, 10) * MIB;
  // A quarter more: small files take a whole block each, and ext4 has its own tables.
  await makeSparseFile(image, Math.ceil(contentBytes * 1.25) + FREE_BYTES);
  const options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", directory, image];
  await runProgram({ program: "mke2fs", args: options, timeoutMs: 300_000, signal });
}

export async function makeSparseFile(file: string, sizeBytes: number): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.truncate(sizeBytes);
  } finally {
    await handle.close();
  }
}
