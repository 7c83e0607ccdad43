import { connect } from "node:net";
import { readMessage } from "#base/protocol/dns/message.ts";
import { CLASS, FLAG, TYPE } from "#base/protocol/dns/record.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";

const LENGTH_BYTES = 4;
const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const UDP_BYTES = 8;
const MDNS_PORT = 5353;
const ASK_AGAIN_MS = 2000;
const TRIES = 20;

/** Asks for a host of the link by mDNS (RFC 6762, section 5.2), as one more station at the switch. @returns its IPv4 address */
export function askLink(path: string, host: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const frame = question(host);
    let tries = 0;
    const ask = (): void => void (tries++ < TRIES ? socket.write(frame) : socket.destroy());
    const again = setInterval(ask, ASK_AGAIN_MS);
    let waiting: Buffer = Buffer.alloc(0);
    socket.on("connect", ask);
    socket.on("data", (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      while (waiting.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + waiting.readUInt32BE();
        if (waiting.length < end) return;
        const found = answerIn(waiting.subarray(LENGTH_BYTES, end), host);
        waiting = waiting.subarray(end);
        if (found !== undefined) {
          resolve(found);
          socket.destroy();
        }
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearInterval(again);
      resolve(undefined);
    });
  });
}

/** Ethernet, IPv4 (RFC 791) and UDP without a sum (RFC 768), to the group of mDNS. */
function question(host: string): Buffer {
  const writer = new MessageWriter();
  writer.start({ id: 0, flags: 0 });
  writer.question({ name: [host, "local"], type: TYPE.A, class: CLASS.IN });
  const message = writer.finish();
  const udp = Buffer.alloc(UDP_BYTES);
  udp.writeUInt16BE(MDNS_PORT, 0);
  udp.writeUInt16BE(MDNS_PORT, 2);
  udp.writeUInt16BE(UDP_BYTES + message.length, 4);
  const ip = Buffer.from("4500000000000000ff110000" + "0a0002fa" + "e00000fb", "hex");
  ip.writeUInt16BE(IPV4_BYTES + UDP_BYTES + message.length, 2);
  ip.writeUInt16BE(headerSum(ip), 10);
  const ethernet = Buffer.from("01005e0000fb" + "525400fa0001" + "0800", "hex");
  const frame = Buffer.concat([Buffer.alloc(LENGTH_BYTES), ethernet, ip, udp, message]);
  frame.writeUInt32BE(frame.length - LENGTH_BYTES);
  return frame;
}

function headerSum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return 0xffff - sum;
}

function answerIn(frame: Buffer, host: string): string | undefined {
  const [UDP, TYPE_AT] = [17, 12];
  if (frame.length < ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES || frame.readUInt16BE(TYPE_AT) !== 0x0800)
    return undefined;
  const header = ((frame[ETHERNET_BYTES] ?? 0) & 0xf) * 4;
  if (frame[ETHERNET_BYTES + 9] !== UDP) return undefined;
  const udp = ETHERNET_BYTES + header;
  if (frame.length < udp + UDP_BYTES || frame.readUInt16BE(udp) !== MDNS_PORT) return undefined;
  const message = readMessage(frame.subarray(udp + UDP_BYTES));
  if (message === undefined || (message.header.flags & FLAG.QR) === 0) return undefined;
  for (const { name, data } of message.answers)
    if (data.kind === "A" && name.join(".").toLowerCase() === `${host}.local`) return data.address;
  return undefined;
}
