import { SpecError } from "../../errors/index.js";
import { LAB_KERNELS, type LabKernel } from "./run_lab.js";

/** What `npm run lab -- ...` was asked for. */
export interface LabInvocation {
  readonly action: "run" | "shell" | "build";
  readonly argv: readonly string[];
  /** null: a new directory under build/lab in the project. */
  readonly resultsDirectory: string | null;
  readonly commandTimeoutMs: number | null;
  readonly memoryMib: number | null;
  readonly kernel: LabKernel;
  readonly showConsole: boolean;
}

export const USAGE = `Usage: npm run lab -- [OPTION...] COMMAND [ARGUMENT...]   run a command in the lab, end with its exit code
       npm run lab -- [OPTION...] shell                   an interactive shell in the lab
       npm run lab -- build                               fill the cache and stop
Options:
  --results DIR      where files left in $LAB_RESULTS go (default: a new directory in build/lab)
  --timeout SECONDS  longest time of the command (default: 1800)
  --memory MIB       memory of the lab (default: 3072)
  --kernel KIND      distribution (default), or core-scheduling, compiled on first use in some six minutes
  --console          show the lab's console on stderr
  --                 what follows is a command, even if it is called shell or build
`;

/** Options come before the command: everything from its first word on is the command's own. Throws SpecError "lab-usage". */
export function parseLabArguments(args: readonly string[]): LabInvocation {
  const rest = [...args];
  const values: Record<string, string> = {};
  let showConsole = false;
  let literal = false;
  while (rest[0]?.startsWith("-") && !literal) {
    const option = rest.shift() ?? "";
    if (option === "--") literal = true;
    else if (option === "--console") showConsole = true;
    else if (["--results", "--timeout", "--memory", "--kernel"].includes(option)) values[option] = takeValue(option, rest);
    else throw usageError(option, "there is no such option");
  }
  const [word] = rest;
  if (word === undefined) throw usageError("the command", "it is missing");
  const action = !literal && rest.length === 1 && (word === "shell" || word === "build") ? word : "run";
  const timeoutSeconds = parseNumber("--timeout", values["--timeout"]);
  return {
    action,
    argv: action === "run" ? rest : [],
    resultsDirectory: values["--results"] ?? null,
    commandTimeoutMs: timeoutSeconds === null ? null : timeoutSeconds * 1000,
    memoryMib: parseNumber("--memory", values["--memory"]),
    kernel: parseKernel(values["--kernel"] ?? "distribution"),
    showConsole,
  };
}

function takeValue(option: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined || value === "") throw usageError(option, "it needs a value");
  return value;
}

function parseNumber(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw usageError(option, `"${text}" is not a positive number`);
  return Number(text);
}

function parseKernel(text: string): LabKernel {
  const kernel = LAB_KERNELS.find((known) => known === text);
  if (kernel === undefined) throw usageError("--kernel", `there is no kernel "${text}"`);
  return kernel;
}

function usageError(subject: string, answer: string): SpecError {
  return new SpecError({ code: "lab-usage", tried: `Cannot read ${subject}`, subject, answer, remedy: `\n${USAGE}` });
}
