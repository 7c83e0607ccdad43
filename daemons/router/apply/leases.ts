import { bitsOf, formatCidr, formatIp, networkOf, parseCidr, parseIp } from "../address/ip.ts";

/** What a provider said; empty texts where it said nothing, or nothing that can be. */
export interface Lease {
  readonly address: string;
  readonly gateway: string;
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  readonly address6: string;
  readonly prefix: string;
}

export const NO_LEASE: Lease = { address: "", gateway: "", routes: [], address6: "", prefix: "" };

const MOST_ROUTES = 64;
const OVER = /^(EXPIRE|NAK|STOP|RELEASE|FAIL|TIMEOUT|NOCARRIER)/;

/**
 * Reads the environment dhcpcd's hook was called with (dhcpcd-run-hooks(8)), its entries closed by zero bytes. The values
 * come from a stranger: what is no address is as if it had not been said.
 */
export function readLease(environment: string): Lease {
  const said = new Map(
    environment.split("\0").flatMap((entry) => {
      const at = entry.indexOf("=");
      return at < 1 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
    }),
  );
  const value = (name: string): string => said.get(name) ?? "";
  if (OVER.test(value("reason"))) return NO_LEASE;
  const routes = classlessRoutes(value("new_classless_static_routes"));
  const byRoute = routes.find(({ to }) => to === "0.0.0.0/0")?.via;
  return {
    address: cidr(value("new_ip_address"), value("new_subnet_cidr")),
    // Who gives classless routes means them instead of the router option (RFC 3442, p. 5).
    gateway: byRoute ?? (routes.length > 0 ? "" : plain(value("new_routers").split(" ")[0] ?? "", 4)),
    routes: routes.filter(({ to }) => to !== "0.0.0.0/0"),
    address6: cidr(value("new_dhcp6_ia_na1_ia_addr1"), "128"),
    prefix: delegated(said),
  };
}

/**
 * The prefix that may be used the longest. The name of its variable counts the parts of the answer, or bears the id of what
 * was asked; one that the provider takes back is said again, before the new one, with lifetimes of 0 (RFC 8415, 18.2.10.1).
 */
function delegated(said: ReadonlyMap<string, string>): string {
  const seconds = (name: string): number => Number(said.get(name) ?? Infinity);
  const names = [...said.keys()]
    .filter((each) => /^new_dhcp6_ia_pd\d+_prefix\d+$/.test(each) && seconds(`${each}_vltime`) > 0)
    .toSorted((a, b) => seconds(`${b}_pltime`) - seconds(`${a}_pltime`) || 0);
  const found = names.map((name) => network(said.get(name) ?? "", said.get(`${name}_length`) ?? ""));
  return found.find((each) => each !== "") ?? "";
}

function plain(text: string, family: 4 | 6): string {
  const ip = parseIp(text);
  return ip?.family === family && ip.value !== 0n ? formatIp(ip) : "";
}

function cidr(address: string, length: string): string {
  const read = parseCidr(`${address}/${length}`);
  return read === undefined || read.value === 0n || read.length === 0 ? "" : formatCidr(read);
}

function network(prefix: string, length: string): string {
  const read = parseCidr(`${prefix.replace(/\/.*/, "")}/${length}`);
  return read === undefined || read.family !== 6 || read.length > 64 || read.length < 16
    ? ""
    : formatCidr(networkOf(read));
}

/** `192.0.2.0/24 203.0.113.5 …`: network and gateway by turns. */
function classlessRoutes(text: string): readonly { readonly to: string; readonly via: string }[] {
  const words = text.split(" ").filter((each) => each !== "");
  const routes: { readonly to: string; readonly via: string }[] = [];
  for (let at = 0; at + 1 < words.length && routes.length < MOST_ROUTES; at += 2) {
    const to = parseCidr(words[at] ?? "");
    const via = plain(words[at + 1] ?? "", 4);
    if (to?.family === 4 && to.length <= bitsOf(to) && via !== "") routes.push({ to: formatCidr(networkOf(to)), via });
  }
  return routes;
}
