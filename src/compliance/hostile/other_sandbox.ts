import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { addon, HOSTILE_DEVICE_PROGRAM } from "../../kernel/index.js";
import { type DeathCause, describeExit, QmpClient } from "../../machine/index.js";
import { DeviceProxy } from "../../protocol/index.js";
import { DeviceTraffic } from "./device_traffic.js";
import { BarPuppet } from "./puppet.js";
import type { Subject } from "./subject.js";

/** Longest wait for a hostile process to answer, in ms; a sandbox that is slow to start counts with it. */
const ANSWER_DEADLINE_MS = 10_000;
/** What QEMU's process is called with as far as the hostile one looks: that it is a device's. */
const ARGUMENTS = ["-machine", "x-remote"];
/** nobody of Debian: what runs there is hostile, and root would do to this host what the sandbox lets through. */
const NOBODY = 65_534;
const { SIGSYS } = constants.signals;

interface Started {
  readonly child: ChildProcess;
  readonly monitor: QmpClient;
  readonly proxy: DeviceProxy;
  readonly traffic: DeviceTraffic;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: number | null }>;
}

/** Hostile processes in a sandbox of somebody else's, or in none: what a bad one looks like to the suite. */
export class OtherSandbox {
  readonly subjects: readonly Subject[];
  readonly #started: readonly Started[];

  private constructor(started: readonly Started[], neighbour: Started) {
    this.#started = [...started, neighbour];
    this.subjects = started.map((one, index) => makeSubject(one, neighbour, `other${index}`));
  }

  /** `command` is what starts a program in the sandbox; empty: none. It runs as nobody. */
  static async launch(command: readonly string[], count: number): Promise<OtherSandbox> {
    const started = await Promise.all(Array.from({ length: count + 1 }, () => startOne(command)));
    return new OtherSandbox(started.slice(1), started[0] as Started);
  }

  async end(): Promise<void> {
    for (const { child, monitor, proxy, traffic } of this.#started) {
      proxy.close();
      monitor.close();
      traffic.close();
      child.kill("SIGKILL");
    }
    await Promise.all(this.#started.map(({ ended }) => ended));
  }
}

async function startOne(command: readonly string[]): Promise<Started> {
  const [monitorFd, monitorEnd] = addon.socketPair();
  const [channelFd, channelEnd] = addon.socketPair();
  const [program = "", ...args] = [...command, HOSTILE_DEVICE_PROGRAM, ...ARGUMENTS];
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "ignore", monitorEnd, channelEnd],
    ...{ uid: NOBODY, gid: NOBODY, env: {}, cwd: "/" },
  });
  for (const fd of [monitorEnd, channelEnd]) closeSync(fd);
  const ended = new Promise<{ exitCode: number | null; signal: number | null }>((resolve) => {
    child.on("error", () => resolve({ exitCode: null, signal: null }));
    child.on("exit", (exitCode, name) => resolve({ exitCode, signal: name === null ? null : constants.signals[name] }));
  });
  const monitor = new QmpClient(monitorFd, program);
  await monitor.open(ANSWER_DEADLINE_MS);
  const proxy = new DeviceProxy({ fd: channelFd, name: program, deadlineMs: ANSWER_DEADLINE_MS });
  return { child, monitor, proxy, traffic: await DeviceTraffic.begin(proxy), ended };
}

function makeSubject({ child, proxy, traffic, ended }: Started, neighbour: Started, id: string): Subject {
  const known = { sibling: neighbour.child.pid ?? 0, launcher: process.pid, monitor: 3, channel: 4 };
  return {
    ...{ id, role: "other", cgroup: null, refused: [] },
    puppet: new BarPuppet(proxy),
    names: new Map(Object.entries(known).map(([name, value]) => [name, BigInt(value)])),
    work: () => traffic.check(),
    neighbourWork: () => neighbour.traffic.check(),
    death: async (): Promise<DeathCause> => {
      child.kill("SIGKILL");
      const status = await ended;
      // A sandbox's own init tells a signal as 128 and its number.
      const isRefused = status.signal === SIGSYS || status.exitCode === 128 + SIGSYS;
      return { words: describeExit(status), intrusion: isRefused, syscall: null, status };
    },
  };
}
