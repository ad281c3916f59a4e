import type { ActArgument, ActStep, Control } from "./control.js";

/** A control for a reader who distrusts it: what is tried, what must refuse it, what must go on, and how it would fail. */
export function explainControl(control: Control): string {
  const { id, title, group, threat, layers, needs, roles, act, twin, alone, depth, file } = control;
  const lines = [
    `${id}  ${title}`,
    "",
    `Group:    ${group}`,
    `Threat:   ${threat}`,
    `Refused by: ${layers.join(" or ")}${needs.length === 0 ? "" : ` (needs: ${needs.join(", ")})`}`,
    `Roles:    ${roles === null ? "all" : roles.join(", ")}`,
    "",
    alone
      ? `The act, in a process that of the layers that can be taken away has ${layers.join(" and ")} alone:`
      : "The act, in a process under the role's whole confinement, after lock-down and verification:",
    ...act.map((step) => `  ${wordStep(step)}`),
    "",
    `Its twin, which must succeed in the same process just before: ${twin.title}`,
    ...twin.steps.map((step) => `  ${wordStep(step)}`),
    "",
    "It passes when a layer named above is shown to have refused the act: by a seccomp notification, a SIGSYS, an audit record or a",
    "counter of the kernel, or by two launches that differ in this layer alone. Registers, DMA and interrupts must go on, or, where",
    "the process died of it, those of the process beside it.",
    "It fails when the act succeeds, when nothing shows who refused it, when another layer did, when the twin is refused, or when the",
    "work stops.",
    ...(depth ? ["", "The report's table of depth has it: which layers would each have refused it alone."] : []),
    "",
    `File: ${file}`,
    `See it fail: bulkhead comply --control ${id} --without ${layers[0]}`,
  ];
  return `${lines.join("\n")}\n`;
}

function wordStep(step: ActStep): string {
  switch (step.kind) {
    case "call": {
      const often = step.repeat === 1 ? "" : `, ${step.repeat} times`;
      return `${step.call}(${step.args.map(wordArgument).join(", ")})${often}${wordName(step.as)}`;
    }
    case "load":
      return `read 8 bytes at ${wordArgument(step.address)}${wordName(step.as)}`;
    case "store":
      return `write ${wordArgument(step.value)} to ${wordArgument(step.address)}`;
    case "jump":
      return `call the code at ${wordArgument(step.address)}`;
    case "spin":
      return "loop for ever";
  }
}

function wordName(name: string | null): string {
  return name === null ? "" : ` -> $${name}`;
}

function wordArgument(argument: ActArgument): string {
  if (typeof argument === "bigint") return argument > 4096n ? `0x${argument.toString(16)}` : String(argument);
  if (typeof argument === "string")
    return argument.startsWith("text:") ? JSON.stringify(argument.slice("text:".length)) : argument;
  return `[${argument.map(wordArgument).join(", ")}]`;
}
