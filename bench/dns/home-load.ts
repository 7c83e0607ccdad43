import { createSocket } from "node:dgram";
import { setPriority } from "node:os";
import { setTimeout } from "node:timers/promises";

const AGAIN_MS = 500;
const LOST_MS = 2000;

export interface Latencies {
  readonly p99Ms: number;
  /** Percent. */
  readonly lost: number;
}

interface Load {
  readonly rate: number;
  readonly seconds: number;
}

/** Asks at a steady rate, each query once; what is not answered in two seconds is lost. */
export async function latencies(
  port: number,
  packets: readonly Uint8Array[],
  { rate, seconds }: Load,
): Promise<Latencies> {
  // What is measured is the server, not how long this program waits for a processor.
  const giveBack = goFirst();
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 21 });
  const sentAt = new Map<number, number>();
  const took: number[] = [];
  socket.on("message", (reply) => {
    const id = reply.readUInt16BE(0);
    const began = sentAt.get(id);
    if (began === undefined) return;
    sentAt.delete(id);
    took.push(performance.now() - began);
  });
  const total = rate * seconds;
  await atRate({ rate, seconds }, (n) => {
    const packet = Buffer.from(packets[n % packets.length] ?? []);
    packet.writeUInt16BE(n % 65_536, 0);
    sentAt.set(n % 65_536, performance.now());
    socket.send(packet, port, "127.0.0.1");
  });
  for (let waits = 0; sentAt.size > 0 && waits < LOST_MS / 100; waits++) await setTimeout(100);
  socket.close();
  giveBack();
  took.sort((a, b) => a - b);
  const p99Ms = took[Math.floor(took.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  return { p99Ms, lost: (100 * sentAt.size) / total };
}

/** Asks two servers in turn while one of them dies; what is not answered in half a second is asked once more, of the other. */
export async function failover(
  servers: readonly { readonly port: number }[],
  packet: Uint8Array,
  { rate, seconds, kill }: Load & { readonly kill: () => void },
): Promise<{ readonly lost: number; readonly slowestMs: number }> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 21 });
  const open = new Map<number, { readonly began: number; readonly server: number; isAgain: boolean }>();
  let slowestMs = 0;
  socket.on("error", () => {});
  socket.on("message", (reply) => {
    const asked = open.get(reply.readUInt16BE(0));
    if (asked === undefined) return;
    open.delete(reply.readUInt16BE(0));
    slowestMs = Math.max(slowestMs, performance.now() - asked.began);
  });
  const send = (id: number, server: number): void => {
    const data = Buffer.from(packet);
    data.writeUInt16BE(id, 0);
    socket.send(data, servers[server % servers.length]?.port ?? 0, "127.0.0.1");
  };
  const retry = setInterval(() => {
    for (const [id, asked] of open) {
      if (asked.isAgain || performance.now() - asked.began < AGAIN_MS) continue;
      asked.isAgain = true;
      send(id, asked.server + 1);
    }
  }, 20);
  const total = rate * seconds;
  await atRate({ rate, seconds }, (n) => {
    if (n === Math.floor(total / 2)) kill();
    open.set(n, { began: performance.now(), server: n, isAgain: false });
    send(n, n);
  });
  await setTimeout(AGAIN_MS + LOST_MS);
  clearInterval(retry);
  socket.close();
  return { lost: (100 * open.size) / total, slowestMs };
}

async function atRate({ rate, seconds }: Load, send: (n: number) => void): Promise<void> {
  const began = performance.now();
  const total = rate * seconds;
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, ((performance.now() - began) * rate) / 1000);
    for (; sent < due; sent++) send(sent);
    await setTimeout(1);
  }
}

function goFirst(): () => void {
  try {
    setPriority(0, -7);
    return () => setPriority(0, 0);
  } catch {
    return () => {};
  }
}
