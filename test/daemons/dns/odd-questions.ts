import { questionPacket } from "./world.ts";

const HOST = "host.lan";
const TYPE = { soa: 6, a: 1, any: 255, axfr: 252, ixfr: 251, opt: 41, unknown: 1000 } as const;

/** What RFC 8906 §8 asks of a server, and what RFC 9267 saw servers stumble over, as packets. */
export const ODD_QUESTIONS: ReadonlyMap<string, Uint8Array> = new Map([
  // RFC 8906 §8.1: without EDNS.
  ["a host", question(HOST)],
  ["SOA", question("lan", TYPE.soa)],
  ["a type nobody knows", question(HOST, TYPE.unknown)],
  ["a name that is not there", question("nobody.lan")],
  ["CD", question(HOST, TYPE.a, 0x0110)],
  ["AD", question(HOST, TYPE.a, 0x0120)],
  ["the bit without meaning", question(HOST, TYPE.a, 0x0140)],
  ["an opcode nobody knows", question(HOST, TYPE.a, 0x7900)],
  ["opcode status", question(HOST, TYPE.a, 0x1100)],
  ["opcode notify", question(HOST, TYPE.a, 0x2100)],
  ["opcode update", question(HOST, TYPE.a, 0x2900)],
  ["no recursion wanted", question(HOST, TYPE.a, 0)],
  ["AA set in a question", question(HOST, TYPE.a, 0x0500)],
  ["TC set in a question", question(HOST, TYPE.a, 0x0300)],
  ["RA and an rcode in a question", question(HOST, TYPE.a, 0x0185)],
  ["an answer, reflected", question(HOST, TYPE.a, 0x8180)],
  // §8.2: with it.
  ["EDNS", edns({})],
  ["EDNS, wants signatures", edns({ flags: 0x8000 })],
  ["EDNS, flags nobody knows", edns({ flags: 0x0040 })],
  ["EDNS, an option nobody knows", edns({ options: [0, 100, 0, 2, 1, 2] })],
  ["EDNS version 1", edns({ version: 1 })],
  ["EDNS version 1, an option nobody knows", edns({ version: 1, options: [0, 100, 0, 0] })],
  ["EDNS version 1, flags nobody knows", edns({ version: 1, flags: 0x0040 })],
  ["EDNS, a buffer of no bytes", edns({ size: 0 })],
  ["EDNS, a cookie", edns({ options: [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8] })],
  ["EDNS, a cookie of seven bytes", edns({ options: [0, 10, 0, 7, 1, 2, 3, 4, 5, 6, 7] })],
  ["EDNS, NSID", edns({ options: [0, 3, 0, 0] })],
  ["EDNS, a client's network", edns({ options: [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2] })],
  ["EDNS, an option that runs past its end", edns({ options: [0, 100, 0, 9, 1] })],
  ["EDNS, options end within a head", edns({ options: [0, 100] })],
  ["EDNS twice", Buffer.concat([edns({}), edns({}).subarray(-11)]).fill(2, 11, 12)],
  ["EDNS with a name", Buffer.concat([edns({}).subarray(0, -11), Buffer.from([1, 120]), edns({}).subarray(-11)])],
  // RFC 9267 §2 and §3: names and counts.
  ["less than a header", question(HOST).subarray(0, 11)],
  ["a header alone", changed(question(HOST).subarray(0, 12), 4, 0, 0)],
  ["a header that promises a question", question(HOST).subarray(0, 12)],
  ["a question cut in its name", question(HOST).subarray(0, 18)],
  ["a question cut in its class", question(HOST).subarray(0, -1)],
  ["a byte too many", Buffer.concat([question(HOST), Buffer.from([0])])],
  ["two questions promised", changed(question(HOST), 4, 0, 2)],
  ["two questions", Buffer.concat([changed(question(HOST), 4, 0, 2), question(HOST).subarray(12)])],
  ["an answer promised", changed(question(HOST), 6, 0, 1)],
  ["an authority promised", changed(question(HOST), 8, 0, 1)],
  ["an addition promised", changed(question(HOST), 10, 0, 1)],
  ["a name that points at itself", changed(question(HOST), 12, 0xc0, 12)],
  ["a name that points forward", changed(question(HOST), 12, 0xc0, 20)],
  ["a name that points past the end", changed(question(HOST), 12, 0xff, 0xff)],
  ["a name that points into the header", changed(question(HOST), 12, 0xc0, 0)],
  ["a label of 64 bytes", changed(question(HOST), 12, 64)],
  ["a label of the reserved kind", changed(question(HOST), 12, 0x80)],
  ["a name of 256 bytes", longName(4)],
  ["a name of 255 bytes", longName(3)],
  ["a label that runs past the end", changed(question(HOST), 17, 60)],
  ["a label with a dot and a zero in it", changed(question(HOST), 14, 46, 0)],
  // What is not for a household's server to tell.
  ["ANY", question(HOST, TYPE.any)],
  ["AXFR", question("lan", TYPE.axfr)],
  ["IXFR", question("lan", TYPE.ixfr)],
  ["type OPT asked", question(HOST, TYPE.opt)],
  ["type 0", question(HOST, 0)],
  ["class CH", changed(question(HOST), question(HOST).length - 2, 0, 3)],
  ["class ANY", changed(question(HOST), question(HOST).length - 2, 0, 255)],
  ["class 0", changed(question(HOST), question(HOST).length - 2, 0, 0)],
]);

function question(name: string, type: number = TYPE.a, flags = 0x0100): Buffer {
  return Buffer.from(questionPacket(name, type, { flags }));
}

function changed(packet: Uint8Array, at: number, ...bytes: readonly number[]): Buffer {
  const copy = Buffer.from(packet);
  copy.set(bytes, at);
  return copy;
}

interface Edns {
  readonly size?: number;
  readonly version?: number;
  readonly flags?: number;
  readonly options?: readonly number[];
}

function edns({ size = 1232, version = 0, flags = 0, options = [] }: Edns): Buffer {
  const opt = Buffer.alloc(11);
  opt.set([0, 0, TYPE.opt], 0);
  opt.writeUInt16BE(size, 3);
  opt[6] = version;
  opt.writeUInt16BE(flags, 7);
  opt.writeUInt16BE(options.length, 9);
  return Buffer.concat([changed(question(HOST), 11, 1), opt, Buffer.from(options)]);
}

/** So many labels of 63 bytes, and one that fills it up to 255 bytes, or one more. */
function longName(full: number): Buffer {
  const label = (length: number): Buffer => Buffer.concat([Buffer.from([length]), Buffer.alloc(length, 120)]);
  const parts = Array.from({ length: full }, () => label(63));
  if (full === 3) parts.push(label(61));
  return Buffer.concat([question(HOST).subarray(0, 12), ...parts, Buffer.from([0, 0, 1, 0, 1])]);
}

/** What a reply says, in words: two servers that say the same are told apart by nothing else here. */
export function said(reply: Uint8Array | undefined): string {
  if (reply === undefined) return "nothing";
  const bytes = Buffer.from(reply);
  const flags = bytes.readUInt16BE(2);
  const names = [
    [0x0400, "aa"],
    [0x0200, "tc"],
    [0x0100, "rd"],
    [0x0080, "ra"],
    [0x0020, "ad"],
    [0x0010, "cd"],
  ] as const;
  const opt = bytes.readUInt16BE(10) === 0 ? -1 : bytes.indexOf(Buffer.from([0, 0, TYPE.opt]), 12);
  const extended = opt < 0 ? 0 : (bytes[opt + 5] ?? 0);
  return [
    `rcode ${(flags & 15) + extended * 16}`,
    ...names.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name])),
    `questions ${bytes.readUInt16BE(4)}`,
    `answers ${bytes.readUInt16BE(6)}`,
    ...(opt < 0 ? [] : ["edns"]),
  ].join(" ");
}
