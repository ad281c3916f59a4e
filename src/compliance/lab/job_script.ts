/** What the lab is to run. `shell`: an interactive one on the caller's terminal. */
export type LabCommand =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "shell"; readonly columns: number; readonly rows: number };

/** The job as a script for the lab's sh: environment, then the command in the project's directory, replacing the script. */
export function writeJobScript(command: LabCommand, env: Readonly<Record<string, string>>): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  if (command.kind === "argv") return `${exports.join("")}exec ${command.argv.map(quote).join(" ")}\n`;
  return `${exports.join("")}stty cols ${command.columns} rows ${command.rows}\nexec bash -i\n`;
}

/** One word for a POSIX shell, whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
