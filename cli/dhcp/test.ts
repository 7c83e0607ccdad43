import { readdir } from "node:fs/promises";
import { sleep } from "#base/env/clock.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { createLan } from "#base/platform/lan.ts";
import { CodedError } from "#base/env/errors.ts";
import { encodePacket } from "#daemons/dhcp/packet/encode.ts";
import { formatIpv4, readIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import * as code from "#daemons/dhcp/packet/option-codes.ts";
import { optionCoded } from "#daemons/dhcp/packet/option-table.ts";
import { showOption } from "#daemons/dhcp/packet/option-value.ts";
import { decodePacket, FLAG_BROADCAST, OP_REPLY, OP_REQUEST, type DhcpPacket } from "#daemons/dhcp/packet/packet.ts";
import { readTime } from "#daemons/dhcp/settings/read-items.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

const CLIENT_PORT = 68;
const SERVER_PORT = 67;
/** Mask, router, DNS, name, domain, broadcast, MTU, NTP, search list, routes. */
const ASKED = [1, 3, 6, 12, 15, 26, 28, 42, 119, 121];
const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

/** Exit code 1: nobody answered. An offer that is not taken runs out by itself. */
export const test: RunCommand = async ({ operands, flags, output }) => {
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw new UsageError("name one interface");
  const waitMs = readTime(flags.value("wait") ?? "3s");
  const given = flags.value("mac");
  if (waitMs === undefined) throw new UsageError("-wait takes a duration of at least a second, for example 3s");
  if (given !== undefined && !MAC.test(given))
    throw new UsageError(`-mac ${given}: for example 52:54:00:12:34:56 is expected`);
  const env = createEnv();
  try {
    const mac =
      given === undefined ? Uint8Array.of(2, ...env.random.bytes(5)) : Buffer.from(given.replaceAll(":", ""), "hex");
    const xid = readIpv4(env.random.bytes(4), 0);
    const offers: DhcpPacket[] = [];
    const there = await readdir("/sys/class/net");
    if (!there.includes(name))
      throw new CodedError(
        "dhcp_interface",
        `there is no interface ${JSON.stringify(name)}`,
        `there is: ${there.join(", ")}`,
      );
    const lan = createLan({ clock: env.clock, net: env.net });
    const port = await lan.open({ interface: name, port: CLIENT_PORT }, (data) => {
      const packet = decodePacket(data);
      if (packet.ok && packet.value.op === OP_REPLY && packet.value.xid === xid) offers.push(packet.value);
    });
    port.send(discover(mac, xid), { host: "255.255.255.255", port: SERVER_PORT });
    await sleep(env.clock, waitMs);
    await port.close();
    const rows = offers.map(rowOf);
    if (await printed({ flags, output }, rows)) return rows.length === 0 ? 1 : 0;
    const shown = rows.map((row) => [
      row.server,
      row.address,
      row.leaseTime,
      Object.entries(row.options)
        .map(([key, text]) => `${key}=${text}`)
        .join(" "),
    ]);
    for (const line of columns(["Server", "Offers", "Seconds", "Options"], shown)) output.line(line);
    if (rows.length === 0) output.error(`no DHCP server answered on ${name} within ${waitMs / 1000} s`);
    return rows.length === 0 ? 1 : 0;
  } finally {
    env.close();
  }
};

function discover(chaddr: Uint8Array, xid: number): Uint8Array {
  const none = { hops: 0, secs: 0, ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0, sname: "", file: "" };
  const { bytes } = encodePacket({
    ...none,
    op: OP_REQUEST,
    htype: 1,
    xid,
    flags: FLAG_BROADCAST,
    chaddr,
    options: [
      [code.MESSAGE_TYPE, Uint8Array.of(code.DISCOVER)],
      [code.PARAMETER_LIST, Uint8Array.from(ASKED)],
    ],
  });
  return bytes;
}

function rowOf({ yiaddr, options }: DhcpPacket) {
  const shown = (each: number): string => {
    const value = options.get(each);
    return value === undefined ? "" : showOption(optionCoded(each).kind, value);
  };
  return {
    server: shown(code.SERVER_ID),
    address: formatIpv4(yiaddr),
    leaseTime: String(readIpv4(options.get(code.LEASE_TIME) ?? new Uint8Array(4), 0)),
    options: Object.fromEntries(
      ASKED.flatMap((each) => (options.has(each) ? [[optionCoded(each).name, shown(each)]] : [])),
    ),
  };
}
