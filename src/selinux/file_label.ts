import { SelinuxError } from "../errors/index.js";
import { answerOf, isSystemError, type LabelledFile, readFileContext, setFileContext } from "../kernel/index.js";

/** The context of a file by its fd or path, as the kernel has it; null where its file system carries none. */
export function readLabel(file: LabelledFile): string | null {
  try {
    return readFileContext(file);
  } catch (error) {
    // EOPNOTSUPP: no extended attributes at all; ENODATA: this file has none.
    if (isSystemError(error) && (error.code === "EOPNOTSUPP" || error.code === "ENOTSUP" || error.code === "ENODATA"))
      return null;
    throw error;
  }
}

/**
 * Gives a file a context and reads it back. `subject` names the file in messages. Throws SelinuxError "label-unwritable" and
 * "label-differs".
 */
export function writeLabel(file: LabelledFile, context: string, subject: string): void {
  try {
    setFileContext(file, context);
  } catch (cause) {
    throw unlabelled("label-unwritable", { subject, context, answer: answerOf(cause), cause });
  }
  requireLabel(file, context, subject);
}

/** What was set is read back: a label that is not there confines nobody. Throws SelinuxError "label-differs". */
export function requireLabel(file: LabelledFile, context: string, subject: string): void {
  const observed = readLabel(file);
  if (observed === context) return;
  const answer = `the kernel shows ${observed ?? "no label"}`;
  throw unlabelled("label-differs", { subject, context, answer, cause: undefined });
}

interface Unlabelled {
  readonly subject: string;
  readonly context: string;
  readonly answer: string;
  readonly cause: unknown;
}

function unlabelled(code: string, { subject, context, answer, cause }: Unlabelled): SelinuxError {
  return new SelinuxError({
    code,
    tried: `Cannot label ${subject} as ${context}`,
    subject,
    answer,
    remedy:
      "Use a file system that carries labels (ext4, xfs, btrfs, tmpfs) and is writable, and a policy with Bulkhead's module.",
    cause,
  });
}
