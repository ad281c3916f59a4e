import { existsSync, readFileSync } from "node:fs";
import type { MachineEvent } from "../../src/state/index.js";
import type { MachineFixture } from "./machine_fixture.js";

/** Every event of one kind that the log of a fixture holds about a VM; `time` in ISO 8601, with milliseconds. */
export function eventsOf<Name extends MachineEvent["event"]>(
  fixture: MachineFixture,
  vm: string,
  name: Name,
): (Extract<MachineEvent, { event: Name }> & { readonly time: string })[] {
  const path = `${fixture.directory}/log/events.jsonl`;
  const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  const events = lines.map((line) => JSON.parse(line) as MachineEvent & { readonly time: string });
  return events.filter(
    (event): event is Extract<MachineEvent, { event: Name }> & { readonly time: string } =>
      event.event === name && event.vm === vm,
  );
}
