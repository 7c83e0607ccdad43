import { fail, succeed, type Result } from "#base/env/errors.ts";
import { each, readTime } from "../settings/read-items.ts";
import {
  KEYS6,
  type Family,
  type OptionSet,
  type Reservation,
  type Settings,
  type Subnet,
  type Link6,
  type Reservation6,
  type Settings6,
} from "../settings/settings.ts";
import { compileLink, type LinkPage } from "./compile-link.ts";
import { Handles, isInside6, PAGE, textOf, valueOf } from "./handles.ts";
import type { Reservation6Input, Subnet6Input } from "./schema.ts";

const MAX_SUBNETS = 256;
const NO_OPTIONS: OptionSet = { entries: new Map(), forced: new Set() };
const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/;
const DUID = /^(?:[0-9a-f]{2}){3,130}$/;

export interface Input6 {
  readonly subnets6: readonly Subnet6Input[];
  readonly reservations6: readonly Reservation6Input[];
}

/** What holds for both families. */
type Shared = Pick<Settings, "rapidCommit" | "declineMs" | "takeoverMs" | "hook"> & {
  readonly leaseMs: number;
  readonly domain: string;
};

/** Undefined where no network of IPv6 is configured. */
export function compileSettings6(input: Input6, shared: Shared): Result<Settings6 | undefined> {
  if (input.subnets6.length === 0)
    return input.reservations6.length === 0
      ? succeed(undefined)
      : fail("bad_settings", "reservations6 stands there without subnets6");
  if (input.subnets6.length > MAX_SUBNETS) return fail("bad_settings", `more than ${MAX_SUBNETS} subnets6`);
  const links = each(input.subnets6, "subnets6", (subnet, index) => compileLink(subnet, { ...shared, index }));
  if (!links.ok) return links;
  const ids = links.value.flatMap(({ link }) => link.pools.map(({ subnet }) => subnet.id));
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) return fail("bad_settings", `${twice} stands there twice`);
  const numbers = new Numbers(links.value);
  const reservations = each(input.reservations6, "reservations6", (each6) => compileReservation(each6, numbers));
  if (!reservations.ok) return reservations;
  const all = reservations.value.flatMap(({ bySubnet }) => [...bySubnet.values()]);
  const taken = all.map(({ ip }) => ip);
  if (new Set(taken).size < taken.length) return fail("bad_settings", "two of reservations6 are for the same address");
  const family: Family = { addresses: numbers.handles(), keys: KEYS6 };
  const { rapidCommit, declineMs, takeoverMs, hook } = shared;
  const subnets = links.value.flatMap(({ link }) => link.pools.map(({ subnet }) => subnet));
  return succeed({
    rapidCommit,
    links: links.value.map(({ link }) => link),
    reservations: reservations.value,
    leases: {
      family,
      authoritative: true,
      rapidCommit,
      probe: false,
      declineMs,
      takeoverMs,
      hook,
      options: NO_OPTIONS,
      classes: [],
      boot: [],
      subnets,
      reservations: all,
    },
  });
}

interface Compiled {
  readonly link: Link6;
  readonly pages: readonly LinkPage[];
}

/** Gives what is reserved outside of the pools a number of its network's own. */
class Numbers {
  readonly #links: readonly Compiled[];
  readonly #reserved = new Map<string, number>();
  readonly #used = new Map<string, number>();

  constructor(links: readonly Compiled[]) {
    this.#links = links;
  }

  handles(): Handles {
    return new Handles(
      this.#links.flatMap(({ pages }) => pages.map(({ page }) => page)),
      this.#reserved,
    );
  }

  /** Undefined: of no network that is configured, or there are too many. */
  of(text: string): { readonly subnet: Subnet; readonly number: number } | undefined {
    const isPrefix = text.includes("/");
    const value = valueOf(text.split("/")[0] ?? "");
    if (value === undefined) return undefined;
    const found = this.#links
      .flatMap(({ pages }) => pages)
      .find(({ kind, within }) => (kind === "prefix") === isPrefix && isInside6(value, within));
    if (found === undefined) return undefined;
    const { subnet, page } = found;
    const number = this.handles().parse(text);
    if (number !== undefined) return { subnet, number };
    if (isPrefix) return undefined;
    const used = this.#used.get(subnet.id) ?? 0;
    if (used === PAGE) return undefined;
    this.#used.set(subnet.id, used + 1);
    this.#reserved.set(textOf(value), page.base + PAGE + used);
    return { subnet, number: page.base + PAGE + used };
  }
}

function compileReservation(input: Reservation6Input, numbers: Numbers): Result<Reservation6> {
  const duid = (input.duid ?? "").toLowerCase().replaceAll(/[:\s-]/g, "");
  const mac = (input.mac ?? "").toLowerCase().replaceAll("-", ":");
  if (duid !== "" && !DUID.test(duid))
    return fail("bad_settings", `duid "${duid}" does not read`, "hexadecimal digits");
  if (mac !== "" && !MAC.test(mac))
    return fail("bad_settings", `mac "${mac}" is not a hardware address`, "for example 52:54:00:12:34:56");
  if (duid === "" && mac === "") return fail("bad_settings", "a reservation needs a duid or a mac");
  const leaseMs = input.leaseTime === undefined ? undefined : readTime(input.leaseTime);
  if (input.leaseTime !== undefined && leaseMs === undefined)
    return fail("bad_settings", `leaseTime "${input.leaseTime}" is no duration`, 'for example "12h" or "7d"');
  const common = { clients: [], hostname: "", name: input.name, leaseMs, tags: [], options: NO_OPTIONS };
  const bySubnet = new Map<string, Reservation>();
  for (const text of [input.address, input.prefix]) {
    if (text === undefined) continue;
    const found = numbers.of(text);
    if (found === undefined)
      return fail(
        "bad_settings",
        `${text} is not of a network in subnets6 that gives such`,
        "an address of a network, or one of the prefixes it delegates",
      );
    bySubnet.set(found.subnet.id, { ...common, ip: found.number });
  }
  return succeed({ duid, mac, bySubnet, other: { ...common, ip: undefined } });
}
