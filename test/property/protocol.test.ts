import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { dmaEngine } from "../../examples/dma_engine/dma_engine.js";
import { BulkheadError } from "../../src/errors/index.js";
import { addon } from "../../src/kernel/index.js";
import { DeviceProxy, Remote } from "../../src/protocol/index.js";
import { checkFdCount, decodeHeader, decodePayload } from "../../src/protocol/wire/decode.js";
import { encodeMessage } from "../../src/protocol/wire/encode.js";
import { findViolation } from "../../src/protocol/wire/rules.js";
import { suite } from "../support/harness.js";
import { HostileFds, messages, type Piece, streams } from "../support/protocol/hostile_streams.js";
import { countFds, countSharedMappings } from "../support/protocol/open_files.js";
import { repositoryRoot } from "../support/repository.js";

const test = suite("any peer on a channel", { timeoutMs: 20_000 });

const REFERENCE_DEVICE = join(repositoryRoot, "native/build/reference_device/reference_device");

/** Each property plays for so long: four of them, some 5 s. */
const PROPERTY_LIMIT_MS = 1200;
/** Past its time a run costs only what generating it does. */
const RUNS = { numRuns: 1500 };
let stopAtMs = 0;

test.beforeEach(() => {
  stopAtMs = performance.now() + PROPERTY_LIMIT_MS;
});

/** Not fast-check's own time limit: that leaves the run that it interrupts under way, with what it holds. */
function isTimeUp(): boolean {
  return performance.now() > stopAtMs;
}

/** Sends what fits; takes in and forgets what comes, its fds included. */
function play(socketFd: number, piece: Piece): void {
  const fds = new HostileFds();
  try {
    addon.sendMessage({ socketFd, data: Buffer.from(piece.bytes), fds: fds.make(piece.fds) });
  } catch (error) {
    // The other end has closed: it is free to.
    assert.match((error as Error).message, /EPIPE|ECONNRESET/);
  } finally {
    fds.close();
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function resources(): { readonly fds: number; readonly mappings: number } {
  return { fds: countFds(), mappings: countSharedMappings() };
}

/** Whatever ends a channel is a violation or a refusal that says so, never a bug. */
function expectWorded(error: BulkheadError | null): void {
  if (error !== null) assert.instance(error, BulkheadError);
}

test("every message that may be sent is read back as it was", () => {
  fc.assert(
    fc.property(messages, (message) => {
      if (isTimeUp()) return;
      fc.pre(findViolation(message) === null && !(message.command === "sync-sysmem" && message.regions.length > 7));
      const bytes = encodeMessage(message);
      const fdCount = message.command === "sync-sysmem" ? message.regions.length : message.command === "set-irqfd" ? 2 : 0;
      const expects = message.command === "ret" ? "reply" : "request";
      const header = decodeHeader(bytes.subarray(0, 16), { expects, strictness: "strict" });
      checkFdCount(header.command, fdCount, "strict");
      assert.is(header.payloadBytes, bytes.length - 16);
      assert.equal(decodePayload(header, bytes.subarray(16), { fdCount, strictness: "strict" }), message);
    }),
    RUNS,
  );
});

test("a device in TypeScript survives any VMM: it ends with a worded error or in order, and nothing is left open or mapped", async () => {
  const before = resources();
  await fc.assert(
    fc.asyncProperty(streams, fc.constantFrom("strict" as const, "lenient" as const), async (pieces, strictness) => {
      if (isTimeUp()) return;
      const [near, far] = addon.socketPair();
      const remote = new Remote({ fd: far, device: dmaEngine, strictness });
      for (const piece of pieces) {
        play(near, piece);
        await turn();
      }
      closeSync(near);
      expectWorded(await remote.ended);
      assert.equal(resources(), before);
    }),
    RUNS,
  );
});

test("a VMM's side survives any device: every request is answered or refused, and nothing is left open", async () => {
  const before = resources();
  await fc.assert(
    fc.asyncProperty(streams, fc.constantFrom("strict" as const, "lenient" as const), async (pieces, strictness) => {
      if (isTimeUp()) return;
      const [near, far] = addon.socketPair();
      const proxy = new DeviceProxy({ fd: near, name: "hostile", strictness });
      const requests = [proxy.readConfig(0, 2), proxy.readBar({ address: 0n, size: 4, memory: true }), proxy.reset()];
      const outcomes = Promise.allSettled(requests);
      for (const piece of pieces) {
        play(far, piece);
        await turn();
      }
      closeSync(far);
      for (const outcome of await outcomes) if (outcome.status === "rejected") assert.instance(outcome.reason, BulkheadError);
      expectWorded(await proxy.ended);
      assert.equal(resources(), before);
    }),
    RUNS,
  );
});

test("the reference device survives any VMM: it ends in order or says which rule was broken, and never by a signal", async () => {
  await fc.assert(
    fc.asyncProperty(streams, async (pieces) => {
      if (isTimeUp()) return;
      const [near, far] = addon.socketPair();
      const device = spawn(REFERENCE_DEVICE, [], { stdio: ["ignore", "ignore", "pipe", far], env: {} });
      closeSync(far);
      let said = "";
      device.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
      for (const piece of pieces) play(near, piece);
      closeSync(near);
      const ended = await new Promise((resolve) => device.on("close", (code, signal) => resolve(signal ?? code)));
      assert.is(ended, said === "" ? 0 : 1, said);
    }),
    RUNS,
  );
});

test.run();
