import { networkOf, parseCidr, formatCidr } from "../address/ip.ts";
import { wanDevice } from "../config/devices.ts";
import type { RouterConfig, Wan } from "../config/model.ts";
import { MAIN_TABLE, type WantedAddress, type WantedPolicy, type WantedRoute } from "./desired.ts";
import { UNKNOWN_LINE, type RouterFacts } from "./facts.ts";

/** Beside it, the table of the n-th line of the file, from 1. Its connections are marked with n in their lowest byte. */
const FIRST_TABLE = 20_000;
const METRIC_STEP = 100;
/** A line that is down stays the last way out: it may be all there is. */
const DOWN = 20_000;
/** Before the main table's rule (32766), in a place of their own. */
const FIRST_PRIORITY = 15_000;
const MARK_PRIORITY = 15_100;
const SOURCE_PRIORITY = 15_400;

interface Uplinks {
  readonly addresses: readonly WantedAddress[];
  readonly routes: readonly WantedRoute[];
}

/** Addresses of the lines, and ways out: the first healthy line of the file is the way. */
export function planUplinks(config: RouterConfig, facts: RouterFacts): Uplinks {
  const addresses: WantedAddress[] = [];
  const routes: WantedRoute[] = [];
  for (const [at, wan] of config.wans.entries()) {
    const device = wanDevice(wan);
    for (const address of lineAddresses(wan, facts))
      if (wan.kind !== "pppoe" || address.includes(":")) addresses.push({ device, address });
    const tables = config.wans.length > 1 ? [MAIN_TABLE, FIRST_TABLE + at + 1] : [MAIN_TABLE];
    for (const table of tables) routes.push(...lineRoutes(wan, { facts, table, metric: metricOf(config, facts, at) }));
  }
  return { addresses, routes };
}

/** Of the line's default route, lower is better. */
export function metricOf(config: RouterConfig, facts: RouterFacts, at: number): number {
  const { healthy } = facts.lines[config.wans[at]?.name ?? ""] ?? UNKNOWN_LINE;
  return METRIC_STEP * (at + 1) + (healthy ? 0 : DOWN);
}

/** The line that is used now; undefined: none has an address. */
export function activeLine(config: RouterConfig, facts: RouterFacts): Wan | undefined {
  const ready = config.wans.filter((wan) => lineAddresses(wan, facts).length > 0);
  return ready.find((wan) => (facts.lines[wan.name] ?? UNKNOWN_LINE).healthy) ?? ready[0];
}

export function lineAddresses(wan: Wan, { lines }: RouterFacts): readonly string[] {
  const { address, address6 } = lines[wan.name] ?? UNKNOWN_LINE;
  return [...wan.addresses, ...[address, address6].filter((each) => each !== "")];
}

function lineRoutes(
  wan: Wan,
  { facts, table, metric }: { readonly facts: RouterFacts; readonly table: number; readonly metric: number },
): readonly WantedRoute[] {
  const device = wanDevice(wan);
  const line = facts.lines[wan.name] ?? UNKNOWN_LINE;
  const base = { table, kind: "unicast", device } as const;
  const out: WantedRoute[] = [];
  const gateways = wan.kind === "static" ? wan.gateways : [line.gateway].filter((each) => each !== "");
  for (const via of gateways) out.push({ ...base, family: via.includes(":") ? 6 : 4, to: "default", via, metric });
  // PPP has no gateway: what goes in comes out at the other end, whether or not a provider that delegates a prefix says so.
  const leads = { 4: line.address !== "", 6: line.address6 !== "" || line.prefix !== "" };
  for (const family of [4, 6] as const)
    if (wan.kind === "pppoe" && leads[family]) out.push({ ...base, family, to: "default", via: "", metric });
  for (const { to, via } of line.routes) out.push({ ...base, family: 4, to, via, metric });
  return out;
}

/** With several lines, what came in by one goes back by it, and so does what is sent from its address. */
export function planPolicies(config: RouterConfig, facts: RouterFacts): readonly WantedPolicy[] {
  if (config.wans.length < 2) return [];
  const rows: WantedPolicy[] = [];
  for (const family of [4, 6] as const) {
    rows.push({ family, priority: FIRST_PRIORITY, match: [], table: MAIN_TABLE, exceptDefault: true });
    for (const [at, wan] of config.wans.entries()) {
      const table = FIRST_TABLE + at + 1;
      const own = lineAddresses(wan, facts).filter((each) => each.includes(":") === (family === 6));
      rows.push({
        family,
        priority: MARK_PRIORITY + at,
        match: ["fwmark", `0x${(at + 1).toString(16)}/0xff`],
        table,
        exceptDefault: false,
      });
      for (const address of own) {
        const from = address.replace(/\/.*/, "");
        rows.push({ family, priority: SOURCE_PRIORITY + at, match: ["from", from], table, exceptDefault: false });
      }
    }
  }
  return rows;
}

/** Networks inside, which nobody outside may claim to be in. */
export function innerNetworks(config: Pick<RouterConfig, "lans" | "wireguards">): readonly string[] {
  return [...config.lans, ...config.wireguards].flatMap(({ addresses }) =>
    addresses.map(parseCidr).flatMap((each) => (each === undefined ? [] : [formatCidr(networkOf(each))])),
  );
}
