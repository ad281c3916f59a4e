import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";
import { runProgram } from "./program.js";

/** A tree to label, and where its files will be found in the lab: file contexts go by path. */
export interface LabelledTree {
  readonly directory: string;
  readonly labRoot: string;
}

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const FILE_CONTEXTS = "etc/selinux/default/contexts/files/file_contexts";
/** How many unlabelled files an error names. */
const SHOWN_FILES = 5;

/** What a mount point gets whose own label the policy leaves open (`<<none>>`): it is seen until something is mounted there. */
const MOUNT_POINT_CONTEXT = "system_u:object_r:mnt_t:s0";

/**
 * Writes the label of every file beneath `tree.directory`, as if that were `/`, with the lab's own setfiles and policy: the
 * host's may be too old to read them. The kernel of the host needs no SELinux: root may write the attribute anywhere.
 */
export async function labelTree(tree: LabelledTree): Promise<void> {
  const contexts = join(tree.labRoot, FILE_CONTEXTS);
  await runLabProgram(tree.labRoot, "usr/sbin/setfiles", ["-F", "-r", tree.directory, contexts, tree.directory]);
}

/** Labels a file or directory that the policy has no context for. */
export async function labelMountPoint(labRoot: string, file: string): Promise<void> {
  await mkdir(file, { recursive: true });
  await runLabProgram(labRoot, "usr/bin/setfattr", ["-n", "security.selinux", "-v", MOUNT_POINT_CONTEXT, file]);
}

/**
 * Throws HostError "lab-unlabelled" when any file, directory or symbolic link beneath `tree.directory`, that directory included,
 * has no label: in the lab it would be `unlabeled_t`, and what a test then sees says nothing about a real system.
 */
export async function checkLabels(tree: LabelledTree): Promise<void> {
  const args = ["-R", "-h", "-n", "security.selinux", "--absolute-names", tree.directory];
  const { stderr } = await runLabProgram(tree.labRoot, "usr/bin/getfattr", args, { failureIsAnswer: true });
  const unlabelled = stderr.split("\n").filter((line) => line !== "");
  if (unlabelled.length === 0) return;
  throw new HostError({
    code: "lab-unlabelled",
    tried: `Cannot label ${tree.directory}`,
    subject: tree.directory,
    answer: `${unlabelled.length} files have no label: ${unlabelled.slice(0, SHOWN_FILES).join("; ")}`,
  });
}

/** Runs a program of the lab's root on the host, by that root's loader: it sees the host's paths. */
async function runLabProgram(labRoot: string, program: string, args: readonly string[], how = { failureIsAnswer: false }) {
  const libraries = join(labRoot, LIBRARIES);
  return runProgram({
    program: join(libraries, "ld-linux-x86-64.so.2"),
    args: ["--library-path", libraries, join(labRoot, program), ...args],
    timeoutMs: 120_000,
    failureIsAnswer: how.failureIsAnswer,
  });
}
