import { ProtocolError } from "../../errors/index.js";

/** One rule of the wire that something broke. */
export interface Violation {
  /** `size`, `fds`, `regions[2].offset`: a name of docs/protocol.md. */
  readonly field: string;
  readonly value: bigint | number | string;
  /** What it has to be, after "must". */
  readonly rule: string;
}

/** Largest value that is shown in decimal alone. */
const PLAIN_MAX = 4096n;

/** Always a ProtocolError "wire-violation". `message` names the command, as far as it is known. */
export function wireViolation(message: string, violation: Violation): ProtocolError {
  const { field, rule } = violation;
  const value = typeof violation.value === "number" ? BigInt(violation.value) : violation.value;
  const shown = typeof value === "bigint" && value > PLAIN_MAX ? `0x${value.toString(16)}` : String(value);
  return new ProtocolError({
    code: "wire-violation",
    tried: `Cannot accept ${message}`,
    subject: field,
    answer: `${field} is ${shown}; it must ${rule}`,
  });
}
