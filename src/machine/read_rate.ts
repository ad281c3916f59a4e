import type { Socket } from "node:net";

const SECOND_MS = 1000;

/**
 * Reads no more than `bytesPerSecondMax` of a socket, give or take one read, so that a flood takes no more of the launcher's
 * time than that. What a writer does meanwhile is for the other end to say: a pipe that does not block drops its output, the
 * guest's serial port waits. `onExceeded` is told once for each second in which reading paused.
 */
export function limitReadRate(socket: Socket, bytesPerSecondMax: number, onExceeded: () => void): void {
  let readBytes = 0;
  let sinceMs = performance.now();
  socket.on("data", (chunk: Buffer) => {
    const nowMs = performance.now();
    if (nowMs - sinceMs >= SECOND_MS) {
      sinceMs = nowMs;
      readBytes = 0;
    }
    readBytes += chunk.length;
    if (readBytes < bytesPerSecondMax || socket.isPaused()) return;
    socket.pause();
    onExceeded();
    setTimeout(() => socket.resume(), SECOND_MS - (nowMs - sinceMs)).unref();
  });
}
