import { DeviceProxy } from "../src/protocol/index.js";

const WINDOW = 0xfeb0_0000;
/** BAR 0, the command register, and a scratch register: native/reference_device/device.h. */
const [BAR0, COMMAND, SCRATCH] = [0x10, 0x04, 0x08];
const COMMAND_MEMORY = 2;
const ROUND_TRIPS = 5000;
const MS_PER_S = 1000;

/** BAR_READs a second that this process gets from the reference device, over its channel. The fd stays the caller's. */
export async function measureScriptProxy(channelFd: number): Promise<number> {
  const proxy = new DeviceProxy({ fd: channelFd, name: "reference", keepsFd: true });
  await proxy.writeConfig({ address: BAR0, value: WINDOW, length: 4 });
  await proxy.writeConfig({ address: COMMAND, value: COMMAND_MEMORY, length: 2 });
  const place = { address: BigInt(WINDOW + SCRATCH), size: 4, memory: true };
  const startMs = performance.now();
  for (let count = 0; count < ROUND_TRIPS; count += 1) await proxy.readBar(place);
  const perSecond = (ROUND_TRIPS * MS_PER_S) / (performance.now() - startMs);
  proxy.close();
  return perSecond;
}
