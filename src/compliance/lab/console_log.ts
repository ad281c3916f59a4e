/** The line that ends a boot: the kernel gave up. `panic=-1 oops=panic` on the command line turns every oops into one. */
const PANIC = /Kernel panic - not syncing: ?(.*)/;

/** How much of the console is kept for a message about a failure, in lines. */
const KEPT_LINES = 200;
const SHOWN_LINES = 40;

/** Follows a serial console: keeps its end, recognises a kernel panic. */
export class ConsoleLog {
  #rest = "";
  readonly #lines: string[] = [];
  #panic: string | null = null;
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void = () => undefined) {
    this.#onLine = onLine;
  }

  append(text: string): void {
    const lines = (this.#rest + text).split(/\r*\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line);
  }

  /** What the kernel panicked with, or null. */
  get panic(): string | null {
    return this.#panic;
  }

  /** The last lines, for a message. */
  tail(count = SHOWN_LINES): string {
    return [...this.#lines, ...(this.#rest === "" ? [] : [this.#rest])].slice(-count).join("\n");
  }

  #take(line: string): void {
    const printable = stripControls(line);
    this.#lines.push(printable);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#panic ??= PANIC.exec(printable)?.[1] ?? null;
    this.#onLine(printable);
  }
}

/** Firmware and guests may write escape sequences; a person's terminal gets none of them. */
function stripControls(line: string): string {
  // A control sequence, an operating system command up to its end, any other escape sequence (ECMA-48, 5.3 and 5.4),
  // a control character.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
  return line.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]/g, "");
}
