import { BulkheadError, EXIT, RemoteError } from "../errors/index.js";
import type { HostConfig, SpecSource } from "../spec/index.js";
import type { FeedItem } from "./feed.js";
import { parseMessage } from "./qmp_message.js";
import type { PlanningContext } from "./supervision.js";

/** The control socket in a VM's run directory: JSON lines, one request for each connection and what follows from it. */
export const CONTROL_NAME = "control";
/** Longest request, in bytes: a monitor command with its arguments. */
export const REQUEST_BYTES_MAX = 64 * 1024;
/** Longest line of an answer, in bytes: a monitor's largest reply and what is around it. */
export const ANSWER_BYTES_MAX = 2 * 1024 * 1024;

/** What a command asks of a VM's supervisor. */
export type ControlRequest =
  | { readonly request: "stop"; readonly now: boolean }
  | { readonly request: "qmp"; readonly process: string; readonly command: string; readonly arguments: Record<string, unknown> }
  | { readonly request: "device-add"; readonly id: string }
  | { readonly request: "device-remove"; readonly id: string; readonly waitMs: number }
  | { readonly request: "follow" };

/**
 * What it answers: where it is followed, that it is and then any number of items; the turns of whoever adds a device, each of which is answered by a
 * line `{"done": true}`, or false; then the result or the failure, which is last.
 */
export type ControlAnswer =
  | { readonly following: true }
  | { readonly item: WireItem }
  | { readonly turn: AdditionTurn }
  | { readonly result: unknown }
  | { readonly failure: WireFailure };

/** What whoever adds a device does in turn: starts its process and hands it over under `token`, then verifies the VM. */
export type AdditionTurn =
  | { readonly step: "start"; readonly token: string; readonly planning: WirePlanning }
  | { readonly step: "verify" };

/** By what a supervisor plans, which holds for its VM whatever the host file says by now. */
export interface WirePlanning extends Pick<PlanningContext, "policyFolder" | "qemu"> {
  readonly hostConfig: Omit<HostConfig, "source"> & { readonly source: Pick<SpecSource, "file" | "directory"> | null };
}

/** A FeedItem as JSON carries it. */
export type WireItem = { readonly kind: "console"; readonly base64: string } | Exclude<FeedItem, { readonly kind: "console" }>;

interface WireFailure {
  readonly code: string;
  readonly message: string;
  readonly subject: string;
  readonly exitCode: BulkheadError["exitCode"];
}

export function encodeItem(item: FeedItem): WireItem {
  return item.kind === "console" ? { kind: "console", base64: item.bytes.toString("base64") } : item;
}

export function decodeItem(item: WireItem): FeedItem {
  return item.kind === "console" ? { kind: "console", bytes: Buffer.from(item.base64, "base64") } : item;
}

/** What is not ours to raise is a bug, and says so. */
export function encodeFailure(error: unknown): WireFailure {
  if (error instanceof BulkheadError) {
    const { code, message, subject, exitCode } = error;
    return { code, message, subject, exitCode };
  }
  const message = `internal error of the VM's supervisor, please report it: ${error instanceof Error ? error.stack : String(error)}`;
  return { code: "internal", message, subject: "supervisor", exitCode: EXIT.internal };
}

export function decodeFailure({ code, message, subject, exitCode }: WireFailure): RemoteError {
  return new RemoteError({ code, tried: message, subject }, exitCode);
}

/** Parses one line of a request; a string says what is wrong with it. */
export function parseRequest(line: string): ControlRequest | string {
  const message = parseMessage(line);
  if (typeof message === "string") return message;
  const { request } = message;
  if (request === "follow") return { request };
  if (request === "stop" && typeof message["now"] === "boolean") return { request, now: message["now"] };
  const { id, waitMs } = message;
  if (request === "device-add" && typeof id === "string") return { request, id };
  if (request === "device-remove" && typeof id === "string" && Number.isSafeInteger(waitMs))
    return { request, id, waitMs: waitMs as number };
  const { process, command, arguments: args } = message;
  if (request === "qmp" && typeof process === "string" && typeof command === "string" && isMapping(args))
    return { request, process, command, arguments: args };
  return "no request that this version knows";
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
