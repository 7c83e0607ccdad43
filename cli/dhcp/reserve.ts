import * as v from "valibot";
import type { ConsulClient } from "#base/client/consul-client.ts";
import { CodedError } from "#base/env/errors.ts";
import { compileReservation } from "#daemons/dhcp/settings/compile-reservation.ts";
import { isInside, parseIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import { CONFIG_KEY, RESERVATIONS, reservationKey, settingsFrom } from "#daemons/dhcp/settings/shared-settings.ts";
import { ReservationSchema, type ReservationInput } from "#daemons/dhcp/settings/schema.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { UsageError, type FlagValues, type Output } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { printed } from "../print/show.ts";

/** Without flags: what is reserved through this command. The instances take a change over within a second or two. */
export const reserve = withConsul(async ({ consul, output, flags, operands }) => {
  if (operands.length > 0) throw new UsageError("the client is named by -mac, -client-id or -hostname");
  const who = { mac: flags.value("mac"), clientId: flags.value("client-id"), hostname: flags.value("hostname") };
  if (Object.values(who).every((each) => each === undefined)) return list(consul, { output, flags });
  const reservation = inputOf(flags);
  const key = reservationKey(reservation);
  if (flags.on("delete")) {
    if (foundOf(await consul.kv.get(key)) === undefined)
      throw new CodedError("missing", `nothing is reserved for ${key.slice(RESERVATIONS.length)}`);
    valueOf(await consul.kv.delete(key));
    output.line(`Nothing is reserved for ${key.slice(RESERVATIONS.length)} any more.`);
    return 0;
  }
  const compiled = compileReservation(reservation);
  if (!compiled.ok) throw new CodedError(compiled.error.code, compiled.error.message, compiled.error.hint);
  const isChecked = await checkAddress(consul, reservation);
  valueOf(await consul.kv.put(key, JSON.stringify(reservation)));
  output.line(`Reserved for ${key.slice(RESERVATIONS.length)}.`);
  if (!isChecked)
    output.error(
      `${reservation.address} was not compared with the networks: only the job's file names them, not ${CONFIG_KEY}`,
    );
  return 0;
});

async function list(
  consul: ConsulClient,
  to: { readonly output: Output; readonly flags: FlagValues },
): Promise<number> {
  const pairs = foundOf(await consul.kv.list(RESERVATIONS)) ?? [];
  const rows = pairs.map(({ Key, Value }) => ({
    who: Key.slice(RESERVATIONS.length),
    what: readReservation(Buffer.from(Value, "base64").toString("utf8")),
  }));
  if (await printed(to, Object.fromEntries(rows.map(({ who, what }) => [who, what ?? null])))) return 0;
  const shown = rows.map(({ who, what }) => {
    if (what === undefined) return [who, "does not read"];
    const options = Object.entries(what.options).map(([name, value]) => `${name}=${String(value)}`);
    return [who, what.address ?? "-", what.name ?? "-", String(what.leaseTime ?? "-"), options.join(" ") || "-"];
  });
  for (const line of columns(["Client", "Address", "Name", "Lease time", "Options"], shown)) to.output.line(line);
  return 0;
}

/** Undefined: somebody wrote something else there. */
function readReservation(text: string): ReservationInput | undefined {
  try {
    const parsed = v.safeParse(ReservationSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Throws where no network has the address. False: the settings are a job's alone, and nobody here knows them. */
async function checkAddress(consul: ConsulClient, { address }: ReservationInput): Promise<boolean> {
  const ip = address === undefined ? undefined : parseIpv4(address);
  if (ip === undefined) return true;
  const pair = foundOf(await consul.kv.get(CONFIG_KEY))?.[0];
  if (pair === undefined) return false;
  const settings = settingsFrom({ config: Buffer.from(pair.Value, "base64").toString("utf8"), reservations: [] });
  if (!settings.ok || settings.value.subnets.some(({ network }) => isInside(ip, network))) return true;
  const networks = settings.value.subnets.map(({ id }) => id).join(", ");
  throw new CodedError("dhcp_address", `${address} is in none of the networks served`, `these are: ${networks}`);
}

function inputOf(flags: FlagValues): ReservationInput {
  const options = flags.values("option").map((text): readonly [string, string] => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`-option ${text}: NAME=VALUE is expected`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  const given = {
    mac: flags.value("mac"),
    clientId: flags.value("client-id"),
    hostname: flags.value("hostname"),
    address: flags.value("address"),
    name: flags.value("name"),
    leaseTime: flags.value("lease-time"),
  };
  return { ...given, tags: [], options: Object.fromEntries(options), force: [] };
}
