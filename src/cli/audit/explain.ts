import type { Command } from "commander";
import { CHECKS, NEEDS } from "../../audit/index.js";
import { SpecError } from "../../errors/index.js";
import { quoteValue, suggestFrom } from "../../text/index.js";

export function addExplain(audit: Command): void {
  audit
    .command("explain")
    .description("Tell about one check in full: why it matters, what to do, where the fact is from.")
    .argument("<id>", "id of a check, as `bulkhead audit checks` lists them")
    .addHelpText("after", "\nExamples:\n  bulkhead audit explain seccomp-x32-open")
    .action((id: string) => {
      const check = CHECKS.find((one) => one.id === id);
      if (check === undefined) {
        throw new SpecError({
          code: "check-unknown",
          tried: `Cannot explain ${quoteValue(id)}`,
          subject: id,
          answer: `there is no such check${suggestFrom(
            id,
            CHECKS.map((one) => one.id),
          )}`,
        });
      }
      const { title, severity, rationale, remedy, source, needs } = check;
      const needed = needs.length === 0 ? "nothing" : needs.map((need) => NEEDS[need]).join("; ");
      process.stdout.write(
        `${id}: ${title}\n\nSeverity  ${severity}\nWhy       ${rationale}\nRemedy    ${remedy}\nSource    ${source}\nNeeds     ${needed}\n`,
      );
    });
}
