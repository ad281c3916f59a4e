import type { Socket } from "node:net";

/** Calls `onLine` for each complete line of a socket; `onFlood` once when a line is longer than `bytesMax`, and then no more. */
export function readLines(
  socket: Socket,
  limits: { readonly bytesMax: number; readonly onFlood: () => void },
  onLine: (line: string) => void,
): void {
  let chunks: Buffer[] = [];
  let bufferedBytes = 0;
  let flooded = false;
  socket.on("data", (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0 && !flooded; end = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...chunks, rest.subarray(0, end)]);
      chunks = [];
      bufferedBytes = 0;
      rest = rest.subarray(end + 1);
      onLine(line.toString("utf8"));
    }
    chunks.push(rest);
    bufferedBytes += rest.length;
    if (flooded || bufferedBytes <= limits.bytesMax) return;
    flooded = true;
    chunks = [];
    limits.onFlood();
  });
}
