import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { type EventEmitter, once } from "node:events";
import { createServer } from "node:net";

/** Below those a kernel gives to whoever asks for any (32768 and up) and a scheduler gives to tasks (20000 and up). */
const FIRST = 10_000;
const BEYOND = 20_000;

/**
 * Ports that are free for streams and datagrams, and that no other process of tests is given while this one lives: also
 * not between the end of who listened there and the start of who shall listen there next.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(FIRST, BEYOND);
    if (await claim(port)) ports.push(port);
  }
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** A name in the kernel's abstract namespace is one process's at a time, and free again when that ends, however it ends. */
async function claim(port: number): Promise<boolean> {
  const held = createServer();
  if (!(await settles(held.listen(`\0lares-test-port-${port}`), "listening"))) return false;
  held.unref();
  if ((await isFreeForStreams(port)) && (await isFreeForDatagrams(port))) return true;
  held.close();
  return false;
}

async function isFreeForStreams(port: number): Promise<boolean> {
  const server = createServer();
  if (!(await settles(server.listen(port, "0.0.0.0"), "listening"))) return false;
  server.close();
  await once(server, "close");
  return true;
}

async function isFreeForDatagrams(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const isFree = await settles(socket.bind(port, "0.0.0.0"), "listening");
  socket.close();
  await once(socket, "close");
  return isFree;
}

/** Whether the event comes, and no error before it. */
function settles(emitter: EventEmitter, event: string): Promise<boolean> {
  return once(emitter, event).then(
    () => true,
    () => false,
  );
}
