import type { Check } from "../check.js";
import { isForAnyProgram, locateCall, passingOf } from "../facts/filter_facts.js";

const OPENS = ["open", "openat", "openat2", "creat", "open_by_handle_at"];
const READS = ["read", "pread64", "readv", "preadv", "preadv2", "sendfile", "splice", "copy_file_range", "mmap"];
const WRITES = ["write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendfile", "splice"];

export const seccompOpenReadWrite: Check<"filter"> = {
  id: "seccomp-open-read-write",
  on: "filter",
  title: "Files can be opened, read and passed on",
  severity: "medium",
  rationale:
    "In a filter that is cut to one program, opening by name together with read and write is all that it takes to carry any file of its file system away, without ever starting a program.",
  remedy:
    "Hand the program its files as descriptors and refuse the opening calls; or keep it in a root that holds nothing worth reading.",
  source: "seccomp-tools audit, orw-chain",
  needs: ["filter"],
  judge: (facts) => {
    if (isForAnyProgram(facts)) return [];
    const [opens, reads, writes] = [OPENS, READS, WRITES].map((syscalls) => passingOf(facts, syscalls));
    const [open] = opens ?? [];
    if (open === undefined || reads?.[0] === undefined || writes?.[0] === undefined) return [];
    const evidence = `${opens?.join(", ")} pass, with ${reads[0]} and ${writes[0]}`;
    return [{ subject: facts.subject, evidence, ...locateCall(facts, open) }];
  },
};
