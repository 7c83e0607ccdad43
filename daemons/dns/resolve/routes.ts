import type { Forwarder } from "../upstream/forwarder.ts";
import { readNetwork } from "./client-matcher.ts";

/** Which servers are asked about a name. */
export class Routes {
  readonly #default: Forwarder;
  readonly #domains = new Map<string, Forwarder>();

  constructor(household: Forwarder) {
    this.#default = household;
  }

  /** `match`: a domain, or a network whose reverse names are meant. False when it is neither. */
  add(match: string, forwarder: Forwarder): boolean {
    const zones = match.includes("/")
      ? reverseZones(match)
      : [
          match
            .toLowerCase()
            .replace(/^\*?\./, "")
            .replace(/\.$/, ""),
        ];
    for (const zone of zones) this.#domains.set(zone, forwarder);
    return zones.length > 0;
  }

  /** No domain has servers of its own. */
  get isPlain(): boolean {
    return this.#domains.size === 0;
  }

  /** The longest domain above the name, if any; then it is nobody else's to answer. */
  conditional(name: string): Forwarder | undefined {
    if (this.#domains.size === 0) return undefined;
    for (let from = 0; ;) {
      const found = this.#domains.get(name.slice(from));
      if (found !== undefined) return found;
      const dot = name.indexOf(".", from);
      if (dot < 0) return undefined;
      from = dot + 1;
    }
  }

  get household(): Forwarder {
    return this.#default;
  }

  get all(): readonly Forwarder[] {
    return [this.#default, ...this.#domains.values()];
  }
}

/** Zones of `in-addr.arpa` or `ip6.arpa` that cover a network, cut at whole bytes or nibbles: a /23 is two zones. */
export function reverseZones(text: string): readonly string[] {
  const network = readNetwork(text);
  if (network === undefined) return [];
  const { bytes, bits } = network;
  const isV4 = bytes.length === 4;
  const step = isV4 ? 8 : 4;
  const whole = Math.ceil(bits / step);
  const free = whole * step - bits;
  const units = isV4 ? [...bytes] : bytes.flatMap((byte) => [byte >> 4, byte & 15]);
  const last = whole === 0 ? 0 : (units[whole - 1] ?? 0) & -(1 << free);
  const suffix = isV4 ? "in-addr.arpa" : "ip6.arpa";
  if (whole === 0) return [suffix];
  return Array.from({ length: 1 << free }, (_, n) => {
    const labels = [...units.slice(0, whole - 1), last + n].map((unit) => unit.toString(isV4 ? 10 : 16));
    return `${labels.toReversed().join(".")}.${suffix}`;
  });
}
