import type { Check, Observation } from "../check.js";
import { nameSome, whenKnown } from "../judge_reading.js";

const describe = ({ range, access, file }: { range: string; access: string; file: string }): string =>
  `${range} ${access}${file === "" ? "" : ` ${file}`}`;

export const processWritableCode: Check<"process"> = {
  id: "process-writable-code",
  on: "process",
  title: "Memory can be written and executed",
  severity: "medium",
  rationale:
    "Who can write into such memory runs code of his own without first finding pieces of the program's. Emulators that translate code (QEMU's TCG) need it; with KVM nothing does.",
  remedy:
    "With QEMU use KVM, or tcg,split-wx=on; elsewhere refuse mmap and mprotect with PROT_WRITE and PROT_EXEC at once in the filter.",
  source: "/proc/PID/maps, proc_pid_maps(5); MemoryDenyWriteExecute= of systemd.exec(5)",
  needs: ["proc"],
  judge: (facts) =>
    whenKnown(facts.process.memory, facts, ({ writableAndExecutable, writableAlias }) => {
      const found: Observation[] = [];
      if (writableAndExecutable.length > 0)
        found.push({ subject: facts.subject, evidence: nameSome(writableAndExecutable.map(describe)) });
      if (writableAlias.length > 0)
        found.push({
          subject: facts.subject,
          evidence: `executable here, and shared and writable at another address: ${nameSome(writableAlias.map(describe))}`,
        });
      return found;
    }),
};
