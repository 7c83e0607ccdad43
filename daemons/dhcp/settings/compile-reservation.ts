import { fail, succeed, type Result } from "#base/env/errors.ts";
import { parseIpv4 } from "../packet/ipv4.ts";
import { hardwareKey, idKey } from "../answer/client-key.ts";
import { compileOptions } from "./compile-options.ts";
import { readTime } from "./read-items.ts";
import type { ReservationInput } from "./schema.ts";
import type { Reservation } from "./settings.ts";

const MAC = /^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;

export function compileReservation(input: ReservationInput): Result<Reservation> {
  const { mac, clientId, hostname = "", address, name = "", leaseTime, tags } = input;
  if (mac !== undefined && !MAC.test(mac))
    return fail("bad_settings", `mac "${mac}" is not a hardware address`, "for example 52:54:00:12:34:56");
  const id = clientId === undefined ? undefined : idBytes(clientId);
  if (clientId !== undefined && id === undefined)
    return fail(
      "bad_settings",
      `clientId "${clientId}" does not read`,
      "hexadecimal digits in pairs, or text between quotes",
    );
  if (mac === undefined && clientId === undefined && hostname === "")
    return fail("bad_settings", "a reservation needs a mac, a clientId or a hostname");
  const ip = address === undefined ? undefined : parseIpv4(address);
  if (address !== undefined && ip === undefined)
    return fail("bad_settings", `address "${address}" is not an IPv4 address`);
  const leaseMs = leaseTime === undefined ? undefined : readTime(leaseTime);
  if (leaseTime !== undefined && leaseMs === undefined)
    return fail("bad_settings", `leaseTime "${leaseTime}" is no duration`, 'for example "12h", "7d" or "infinite"');
  const options = compileOptions(input.options, input.force);
  if (!options.ok) return options;
  const clients = [
    ...(mac === undefined ? [] : [hardwareKey(1, Buffer.from(mac.replaceAll(/[:-]/g, ""), "hex"))]),
    ...(id === undefined ? [] : [idKey(id)]),
  ];
  return succeed({ clients, hostname: hostname.toLowerCase(), ip, name, leaseMs, tags, options: options.value });
}

function idBytes(text: string): Uint8Array | undefined {
  const quoted = /^"(.+)"$/s.exec(text)?.[1];
  if (quoted !== undefined) return Buffer.from(quoted, "utf8");
  const digits = text.replaceAll(/[:\s-]/g, "");
  return /^(?:[0-9a-f]{2}){1,255}$/i.test(digits) ? Buffer.from(digits, "hex") : undefined;
}
