import { createSocket } from "node:dgram";

/** Clients behind a relay, all from one socket: run on the far side of a wire, it prints what it measured as JSON. */
const [relay = "", server = "", firstText = "0", countText = "0", windowText = "1"] = process.argv.slice(2);
const [first, count, windowSize] = [firstText, countText, windowText].map(Number) as [number, number, number];
const RETRY_MS = 1000;

interface Exchange {
  began: number;
  sent: number;
  /** Undefined: no offer yet. */
  request: Buffer | undefined;
  discover: Buffer;
}

const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
const open = new Map<number, Exchange>();
const addresses = new Set<string>();
const took: number[] = [];
let [next, duplicates, retries] = [first, 0, 0];

socket.on("message", (data) => {
  const xid = data.readUInt32BE(4);
  const exchange = open.get(xid);
  if (exchange === undefined) return;
  const type = data[242];
  if (type === 2 && exchange.request === undefined) {
    exchange.request = packet(xid, [53, 1, 3, 50, 4, ...data.subarray(16, 20), 54, 4, ...serverIdOf(data)]);
    exchange.sent = performance.now();
    send(exchange.request);
  } else if (type === 5) {
    open.delete(xid);
    took.push(performance.now() - exchange.began);
    const address = data.subarray(16, 20).join(".");
    if (addresses.has(address)) duplicates += 1;
    addresses.add(address);
    begin();
  } else if (type === 6) {
    exchange.request = undefined;
    send(exchange.discover);
  }
});

socket.bind(67, relay, () => {
  const began = performance.now();
  for (let i = 0; i < Math.min(windowSize, count); i++) begin();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const exchange of open.values()) {
      if (now - exchange.sent < RETRY_MS) continue;
      exchange.sent = now;
      retries += 1;
      send(exchange.request ?? exchange.discover);
    }
    if (took.length < count) return;
    clearInterval(timer);
    socket.close();
    took.sort((a, b) => a - b);
    const p99 = took[Math.floor(took.length * 0.99)] ?? 0;
    process.stdout.write(JSON.stringify({ seconds: (last - began) / 1000, p99, duplicates, retries }));
  }, 20);
});

let last = 0;

function begin(): void {
  last = performance.now();
  if (next >= first + count) return;
  const xid = next++;
  const discover = packet(xid, [53, 1, 1]);
  open.set(xid, { began: last, sent: last, request: undefined, discover });
  send(discover);
}

function send(data: Buffer): void {
  socket.send(data, 67, server);
}

function packet(client: number, options: readonly number[]): Buffer {
  const data = Buffer.alloc(300);
  data.set([1, 1, 6, 1]);
  data.writeUInt32BE(client, 4);
  data.set(relay.split(".").map(Number), 24);
  data.writeUInt16BE(0x0202, 28);
  data.writeUInt32BE(client, 30);
  data.writeUInt32BE(0x63_82_53_63, 236);
  data.set([...options, 55, 4, 1, 3, 6, 15, 255], 240);
  return data;
}

function serverIdOf(data: Buffer): Buffer {
  for (let at = 240; at < data.length && data[at] !== 255; at += 2 + (data[at + 1] ?? 0))
    if (data[at] === 54) return data.subarray(at + 2, at + 6);
  return Buffer.alloc(4);
}
