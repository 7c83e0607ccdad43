import { fail, succeed, type Result } from "#base/env/errors.ts";
import { formatIpv4, maskOf, parseIpv4, parseNetwork, readIpv4 } from "./ipv4.ts";

/** `10.0.0.0/8 via 192.168.1.1`: RFC 3442 writes only as many bytes of the network as its prefix needs. */
export function encodeRoutes(routes: readonly string[]): Result<Uint8Array> {
  const out: number[] = [];
  for (const route of routes) {
    const [target = "", word, gateway = "", ...rest] = route.trim().split(/\s+/);
    const network = parseNetwork(target === "default" ? "0.0.0.0/0" : target);
    const via = parseIpv4(gateway);
    if (network === undefined || via === undefined || word !== "via" || rest.length > 0)
      return fail(
        "bad_option",
        `"${route}" is not a route such as "10.0.0.0/8 via 192.168.1.1" or "default via 192.168.1.1"`,
      );
    out.push(network.prefix, ...quads(network.base).slice(0, Math.ceil(network.prefix / 8)), ...quads(via));
  }
  return succeed(Uint8Array.from(out));
}

export function decodeRoutes(bytes: Uint8Array): readonly string[] | undefined {
  const routes: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const prefix = bytes[at] ?? 0;
    const size = Math.ceil(prefix / 8);
    if (prefix > 32 || at + 1 + size + 4 > bytes.length) return undefined;
    const padded = new Uint8Array(4);
    padded.set(bytes.subarray(at + 1, at + 1 + size));
    const base = (readIpv4(padded, 0) & maskOf(prefix)) >>> 0;
    routes.push(`${formatIpv4(base)}/${prefix} via ${formatIpv4(readIpv4(bytes, at + 1 + size))}`);
    at += 1 + size + 4;
  }
  return routes;
}

function quads(ip: number): readonly number[] {
  return [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255];
}
