/** What a process becomes by execve. */
export interface ProgramReplacement {
  readonly path: string;
  readonly argv: readonly string[];
  /** `NAME=value` strings. */
  readonly environment: readonly string[];
  /** All others are closed: Node has made each close-on-exec. */
  readonly keptFds: readonly number[];
}
