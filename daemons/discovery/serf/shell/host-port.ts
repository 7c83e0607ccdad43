import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";

/** `10.0.0.7:7946`, `[fd00::7]:7946`. */
export function joinHostPort({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `host`, `host:port`, `[v6]:port`, a bare IPv6 address; `NAME/` before it (who should be there) is passed over. */
export function splitHostPort(text: string, port: number): Result<Address> {
  const place = text.slice(text.indexOf("/") + 1).trim();
  const bare = place.split(":").length > 2 && !place.startsWith("[");
  const parts = bare ? [place, place, ""] : /^\[?([^\]]*?)\]?(?::(\d{1,5}))?$/.exec(place);
  const host = parts?.[1] ?? "";
  const given = parts?.[2] ?? "";
  const at = given === "" ? port : Number(given);
  if (host !== "" && !/\s/.test(host) && at > 0 && at < 65_536) return succeed({ host, port: at });
  return fail("ADDRESS", `"${text}" is no address`, "expected HOST, HOST:PORT or [IPv6]:PORT");
}
