import { closeSync, constants, openSync } from "node:fs";
import type { Command } from "commander";
import { SelinuxInputError } from "../../errors/index.js";
import { readLabel, relabel, SHARED_IMAGE_TYPE } from "../../selinux/index.js";
import { labelForGood } from "../../selinux/labels/index.js";

export function addLabel(selinux: Command): void {
  selinux
    .command("label")
    .description("Label images that are only read, so that any number of VMs may share them and no launch changes them.")
    .argument("<file...>", "regular files or block devices")
    .addHelpText(
      "after",
      "\nThe label stays, whatever VMs come and go: it is for backing files and read-only disks, on read-only file systems too. Images" +
        "\nthat a VM writes are labelled by its launch, and have their own label again when it ends.\n" +
        "\nExamples:\n  bulkhead selinux label /srv/images/debian-13.raw",
    )
    .action((files: readonly string[]) => {
      for (const path of files) {
        const fd = openFile(path);
        try {
          const before = readLabel(fd);
          const label = relabel(before, SHARED_IMAGE_TYPE);
          labelForGood(fd, label, path);
          process.stdout.write(`${path}: ${before ?? "no label"} became ${label}\n`);
        } finally {
          closeSync(fd);
        }
      }
    });
}

function openFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    throw new SelinuxInputError({
      code: "file-unreadable",
      tried: `Cannot label ${path}`,
      subject: path,
      answer: cause instanceof Error ? cause.message : String(cause),
      remedy: "Name a file that exists, by its own path: symbolic links are not followed.",
      cause,
    });
  }
}
