import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

export interface TimedRun {
  /** From the command's start to each line that it printed, in order, in ms. */
  readonly progress: readonly { readonly line: string; readonly atMs: number }[];
  /** From the command's start to the first appearance of each awaited text on its stdout, in ms. */
  readonly seenMs: readonly number[];
}

/**
 * Runs a command that launches a VM to its end. `awaited` are texts of the guest's console; an empty one is its first byte.
 * Throws when the command fails or one of them does not come.
 */
export async function timeLaunch(
  command: readonly string[],
  awaited: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<TimedRun> {
  const [program, ...args] = command;
  const startMs = performance.now();
  const child = spawn(program as string, args, { stdio: ["ignore", "pipe", "pipe"], env: environment });
  const progress: { line: string; atMs: number }[] = [];
  const seenMs: number[] = [];
  let console = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const atMs = performance.now() - startMs;
    console += chunk.toString("latin1");
    while (seenMs.length < awaited.length && console.includes(awaited[seenMs.length] as string)) seenMs.push(atMs);
  });
  onLine(child.stderr, (line) => progress.push({ line, atMs: performance.now() - startMs }));
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code === 0 && seenMs.length === awaited.length) return { progress, seenMs };
  const said = [...progress.map(({ line }) => line), `console: ${JSON.stringify(console)}`].join("\n");
  throw new Error(`${command.join(" ")} ended with ${String(code)} and printed:\n${said}`);
}

function onLine(stream: Readable, take: (line: string) => void): void {
  let partial = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (partial + chunk.toString("utf8")).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
}
