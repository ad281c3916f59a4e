import type { Check } from "../check.js";

export const processTerminal: Check<"process"> = {
  id: "process-terminal",
  on: "process",
  title: "The process has a controlling terminal",
  severity: "low",
  rationale:
    "A process on a terminal that somebody types into may push characters into its input as if they were typed (TIOCSTI, where the kernel still offers it), and writes what the terminal acts on.",
  remedy: "Start it in a session of its own: setsid COMMAND; and give it pipes instead of the terminal.",
  source: "tty_nr of /proc/PID/stat, proc_pid_stat(5); TIOCSTI, TIOCSTI(2const)",
  needs: ["proc"],
  judge: ({ subject, process: { terminal } }) => {
    if (terminal === 0) return [];
    // Major in bits 8 to 15, minor in the rest: proc_pid_stat(5).
    const [major, minor] = [(terminal >> 8) & 0xff, ((terminal >> 12) & 0xfff00) | (terminal & 0xff)];
    return [{ subject, evidence: `its terminal is device ${major}:${minor}` }];
  },
};
