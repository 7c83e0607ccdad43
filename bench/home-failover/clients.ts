import { createSocket } from "node:dgram";

/**
 * A household's machines, all on one: every few milliseconds one that nobody has seen comes for an address, and one asks a
 * question of the first server of its list, and once more of the second if that one is silent. One line of JSON for each
 * that is done: what, when it began (of this machine's clock), how long it took.
 */
const [own = "", first = "", second = ""] = process.argv.slice(2);
const EVERY_MS = 20;
/** As busybox's udhcpc asks again, and a resolver of the impatient kind. */
const DHCP_RETRY_MS = 1000;
const DNS_RETRY_MS = 1000;
const PATIENCE_MS = 15_000;

function tell(what: "dhcp" | "dns" | "unanswered", beganMs: number): void {
  process.stdout.write(
    `${JSON.stringify({ what, beganMs, tookMs: performance.timeOrigin + performance.now() - beganMs })}\n`,
  );
}

const nowMs = (): number => performance.timeOrigin + performance.now();

interface Exchange {
  readonly beganMs: number;
  sentMs: number;
  chosen: boolean;
}

const dhcp = createSocket({ type: "udp4", reuseAddr: true });
const coming = new Map<number, Exchange>();
let machines = 1;

dhcp.on("message", (data) => {
  const xid = data.readUInt32BE(4);
  const exchange = coming.get(xid);
  if (exchange === undefined || data[0] !== 2) return;
  const options = optionsOf(data);
  const type = options.get(53)?.[0];
  if (type === 2 && !exchange.chosen) {
    exchange.chosen = true;
    exchange.sentMs = nowMs();
    sendDhcp(xid, [53, 1, 3, 50, 4, ...data.subarray(16, 20), 54, 4, ...(options.get(54) ?? [0, 0, 0, 0])]);
  } else if (type === 5) {
    coming.delete(xid);
    tell("dhcp", exchange.beganMs);
  } else if (type === 6) exchange.chosen = false;
});

function optionsOf(data: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 240; at < data.length && data[at] !== 255; at += 2 + (data[at + 1] ?? 0))
    found.set(data[at] ?? 0, data.subarray(at + 2, at + 2 + (data[at + 1] ?? 0)));
  return found;
}

function sendDhcp(xid: number, options: readonly number[]): void {
  const data = Buffer.alloc(300);
  // Answers are to be broadcast (RFC 2131, 4.1): this machine has no such address.
  data.set([1, 1, 6, 0]);
  data.writeUInt32BE(xid, 4);
  data.writeUInt16BE(0x80_00, 10);
  data.writeUInt16BE(0x0202, 28);
  data.writeUInt32BE(xid, 30);
  data.writeUInt32BE(0x63_82_53_63, 236);
  data.set([...options, 55, 4, 1, 3, 6, 15, 255], 240);
  dhcp.send(data, 67, "255.255.255.255");
}

function come(): void {
  const xid = machines++;
  const beganMs = nowMs();
  coming.set(xid, { beganMs, sentMs: beganMs, chosen: false });
  sendDhcp(xid, [53, 1, 1]);
}

function askAgain(): void {
  const now = nowMs();
  for (const [xid, exchange] of coming) {
    if (now - exchange.beganMs > PATIENCE_MS) {
      coming.delete(xid);
      tell("unanswered", exchange.beganMs);
    } else if (now - exchange.sentMs > DHCP_RETRY_MS) {
      exchange.chosen = false;
      exchange.sentMs = now;
      sendDhcp(xid, [53, 1, 1]);
    }
  }
}

const dns = createSocket("udp4");
const asked = new Map<number, { readonly beganMs: number; readonly timer: NodeJS.Timeout }>();
let questions = 0;

dns.on("message", (data) => {
  const id = data.readUInt16BE(0);
  const question = asked.get(id);
  if (question === undefined) return;
  clearTimeout(question.timer);
  asked.delete(id);
  tell("dns", question.beganMs);
});

function ask(): void {
  const id = questions++ & 0xff_ff;
  const beganMs = nowMs();
  // pc.lan, A, IN.
  const packet = Buffer.from([
    id >> 8,
    id & 255,
    1,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    2,
    112,
    99,
    3,
    108,
    97,
    110,
    0,
    0,
    1,
    0,
    1,
  ]);
  const later = (run: () => void): NodeJS.Timeout => setTimeout(run, DNS_RETRY_MS);
  const retry = (): void => {
    dns.send(packet, 53, second);
    const timer = later(() => {
      asked.delete(id);
      tell("unanswered", beganMs);
    });
    asked.set(id, { beganMs, timer });
  };
  asked.set(id, { beganMs, timer: later(retry) });
  dns.send(packet, 53, first);
}

// A port nobody listens on is said to be one; the resolver waits all the same.
dns.on("error", () => {});
dhcp.bind(68, () => {
  dhcp.setBroadcast(true);
  dns.bind(0, own, () => {
    setInterval(() => {
      come();
      ask();
      askAgain();
    }, EVERY_MS);
  });
});
