import { closeSync } from "node:fs";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { addon } from "../../src/kernel/index.js";
import { launchPart, type PartialMachine } from "../../src/machine/index.js";
import { barBytes, bytesOf, configBytes } from "../../src/protocol/conformance/wire_message.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { fuzzing } from "../support/protocol/fuzzing.js";
import { HostileFds, type Piece, streams } from "../support/protocol/hostile_streams.js";
import { countFds } from "../support/protocol/open_files.js";
import { waitUntil } from "../support/run_command.js";

/** Each launch is of eight device processes, and takes some 2 s. */
const { launches: LAUNCHES, seed: SEED, timeoutMs } = fuzzing({ launches: 4, timeoutMs: 90_000 });
const test = suite("QEMU's remote in its sandbox and a hostile VMM", {
  needs: ["root", "qemu-tcg", "user-namespaces"],
  timeoutMs,
});

const MODELS = ["e1000", "rtl8139", "pcnet", "i82559er", "ne2k_pci", "vmxnet3", "e1000e", "tulip"];
/** Streams for one process, which rarely outlives the first ten. */
const STREAMS = 40;
/** After each stream, in ms: QEMU answers within one. */
const DRAIN_MS = 10;
/** Longest that a process may take to end with its channel, in ms. */
const END_MS = 10_000;

/** Its filter has no call to raise a signal: the kernel kills it in the middle of abort(), which its death is told as. */
const ABORT = "abort(), whose tgkill its seccomp filter refused";
/** The last: it found nobody to answer, as docs/protocol.md tells. */
const KNOWN_ENDS = ["exit 0", ABORT, "SIGSEGV"];

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture({ refusals: "expected" });
});
test.after(() => fixture.remove());

async function launchDevices(name: string): Promise<PartialMachine> {
  const devices = MODELS.map((model, index) => `  - {id: net${index}, role: net, model: ${model}, net: {disconnected: true}}\n`);
  const text = `name: ${name}\nmachine: {memory: 64M, cpus: 1, accel: tcg}\ndevices:\n${devices.join("")}`;
  return launchPart(await fixture.request(text), { starts: ({ id }) => id !== "vmm" });
}

/** False: the process has closed the channel, or reads no more. */
function send(socketFd: number, { bytes, fds }: Piece): boolean {
  const made = new HostileFds();
  try {
    return addon.sendMessage({ socketFd, data: Buffer.from(bytes), fds: made.make(fds) }) === bytes.length;
  } catch {
    return false;
  } finally {
    made.close();
  }
}

/** Takes in whatever came; one that closes its channel before it has read an answer is another case. */
async function drain(socketFd: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
  const target = Buffer.alloc(4096);
  try {
    for (let bytes: number | null = 1; bytes !== null && bytes > 0; ) bytes = addon.receiveMessage({ socketFd, target }).bytes;
  } catch {
    // ECONNRESET: it has gone, with something unread.
  }
}

/** Plays streams until the process has gone, closes the channel, and waits for its end; what became of it. */
async function torment(machine: PartialMachine, id: string, all: readonly (readonly Piece[])[]): Promise<string> {
  const confined = machine.processes.get(id)?.confined;
  const socketFd = machine.channels.get(id);
  if (confined === undefined || socketFd === undefined) throw new Error(`no process was started for ${id}`);
  for (const pieces of all) {
    if (!pieces.every((one) => send(socketFd, one))) break;
    await drain(socketFd);
  }
  closeSync(socketFd);
  const waits = new Promise<null>((resolve) => setTimeout(() => resolve(null), END_MS));
  const told = await Promise.race([confined.ended, waits]);
  if (told === null) {
    confined.kill();
    await confined.ended;
    return "does not end with its channel";
  }
  const { words, intrusion } = await machine.explain(id, told);
  if (intrusion) return `intrusion: ${words}`;
  return told.signal === null ? `exit ${told.exitCode}` : `${words}`;
}

test("whatever it is sent, it ends with its channel and not by an intrusion, and the launcher holds nothing of it", async () => {
  const fates = new Map<string, number>();
  // After the first launch: what is opened once is open then.
  let held = 0;
  for (let round = 0; round < LAUNCHES; round++) {
    const machine = await launchDevices(vmName(`hostile-vmm-${round}`));
    try {
      const ends = MODELS.map((_, index) => {
        const all = fc.sample(streams, { seed: SEED + 100 * round + index, numRuns: STREAMS });
        return torment(machine, `net${index}`, all);
      });
      for (const fate of await Promise.all(ends)) fates.set(fate, (fates.get(fate) ?? 0) + 1);
    } finally {
      await machine.end();
    }
    assert.equal(fixture.leftovers(), []);
    if (round === 0) held = countFds();
  }
  assert.equal(
    [...fates.keys()].filter((fate) => !KNOWN_ENDS.includes(fate)),
    [],
    `seed ${SEED}`,
  );
  await waitUntil(() => countFds() <= held, "closing the fds of VMs that are gone");
});

const piece = (bytes: Buffer): Piece => ({ bytes: new Uint8Array(bytes), fds: [] });

/** What docs/protocol.md says of QEMU outside a sandbox is so inside: each ends for itself. */
const DEADLY: readonly (readonly [what: string, bytes: Buffer, becomes: string])[] = [
  ["a config-read of 5 bytes", configBytes("config-read", 0, 5), ABORT],
  ["a config-read of -1 bytes", configBytes("config-read", 0, -1), ABORT],
  ["a config-write of 200 bytes", configBytes("config-write", 64, 200), ABORT],
  ["a config-read of the last byte", configBytes("config-read", 255, 1), "exit 0"],
  ["a bar-read that nothing claims", barBytes("bar-read", { address: 0xfe00_0000n, size: 4, memory: 1 }), "exit 0"],
  ["an unknown command", bytesOf(8), "exit 0"],
  ["half a message", configBytes("config-read", 0, 4).subarray(0, 20), "exit 0"],
  ["nothing", Buffer.alloc(0), "exit 0"],
];

test("what ends it outside a sandbox ends it inside, each process for itself, and is told as its own fault", async () => {
  const machine = await launchDevices(vmName("hostile-vmm-deadly"));
  try {
    const fates = await Promise.all(DEADLY.map(([, bytes], index) => torment(machine, `net${index}`, [[piece(bytes)]])));
    assert.equal(
      DEADLY.map(([what], index) => `${what}: ${fates[index]}`),
      DEADLY.map(([what, , becomes]) => `${what}: ${becomes}`),
    );
  } finally {
    await machine.end();
  }
  assert.equal(fixture.leftovers(), []);
});

test.run();
