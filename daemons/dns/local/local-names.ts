import type { DnsProof } from "#base/protocol/dns-proof.ts";
import type { LeaseName } from "#base/protocol/lease-name.ts";
import { labelsOf } from "#base/protocol/dns/name.ts";
import { TYPE, type RecordData } from "#base/protocol/dns/record.ts";
import type { Settings } from "../settings/settings.ts";
import { NameTable, ofType, readHosts, recordData, type LocalRecord } from "./name-table.ts";
import { PRIVATE_REVERSE_ZONES, privateReverseZone } from "./private-reverse.ts";

/** What the house knows about a name. */
export type LocalAnswer =
  | {
      readonly kind: "records";
      readonly rcode: "NOERROR" | "NXDOMAIN";
      readonly records: readonly { readonly name: string; readonly record: LocalRecord }[];
      /** Zone of the SOA in an answer without records. */
      readonly zone: string;
    }
  /** An alias to a name others have to be asked for; the records lead there. */
  | {
      readonly kind: "alias";
      readonly records: readonly { readonly name: string; readonly record: LocalRecord }[];
      readonly target: string;
    };

export interface LocalSources {
  readonly settings: Settings["local"];
  /** Text of the hosts file; empty when there is none. */
  readonly hosts: string;
  readonly leases: readonly LeaseName[];
  /** Nodes of the cluster and their addresses. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  /** Texts that prove names to be ours. */
  readonly proofs?: readonly DnsProof[];
  /** Whether `<service>.<domain>` means `<service>.service.consul`. */
  readonly hasConsul: boolean;
}

const MAX_ALIASES = 8;
/** Names that never leave the house (RFC 6761, RFC 6762, RFC 7686). */
const NEVER_OUTSIDE = ["local", "localhost", "invalid", "onion"];
const ADDRESS_TYPES: readonly number[] = [TYPE.A, TYPE.AAAA];

/** The names of the house, as one immutable table. */
export class LocalNames {
  /** Records that could not be read. */
  readonly problems: readonly string[];
  readonly #table = new NameTable();
  readonly #settings: Settings["local"];
  readonly #domain: string;
  readonly #hasConsul: boolean;

  constructor(sources: LocalSources) {
    const { settings } = sources;
    this.#settings = settings;
    this.#domain = plainName(settings.domain);
    this.#hasConsul = sources.hasConsul;
    const problems: string[] = [];
    for (const { name, type, value, ttl } of settings.records) {
      const lower = plainName(name);
      const data = recordData(type, value);
      if (data === undefined || labelsOf(lower) === undefined)
        problems.push(`local record ${name} ${type} ${JSON.stringify(value)} cannot be read`);
      else if (data.kind === "A" || data.kind === "AAAA")
        this.#table.addAddress(lower, data.address, ttl ?? settings.ttl);
      else this.#table.add(lower, data, ttl ?? settings.ttl);
    }
    readHosts(sources.hosts, (address, name) => this.#addHost(name, address, ""));
    for (const { name, address, domain } of sources.leases) this.#addHost(plainName(name), address, domain);
    // An agent that listens on loopback alone is nowhere for others: they would look for it at themselves.
    for (const [name, addresses] of sources.nodes)
      for (const address of addresses) if (!isLoopback(address)) this.#addHost(name, address, "");
    for (const { name, text } of sources.proofs ?? [])
      if (labelsOf(plainName(name)) !== undefined) this.#table.add(plainName(name), { kind: "TXT", texts: [text] }, 0);
    this.problems = problems;
  }

  get size(): number {
    return this.#table.size;
  }

  /** For {@link LocalGate}: names, and zones of which everything is answered here. */
  gate(): { readonly exact: readonly string[]; readonly zones: readonly string[] } {
    const names = [...this.#table.names()];
    const wildcards = names.filter((name) => name.startsWith("*.")).map((name) => name.slice(2));
    const reverse = this.#settings.privateReverse ? PRIVATE_REVERSE_ZONES : [];
    const zones = [...wildcards, this.#domain, ...NEVER_OUTSIDE, ...reverse].filter((zone) => zone !== "");
    return { exact: names.filter((name) => !name.startsWith("*.")), zones };
  }

  /** Undefined when the house knows nothing of it and others are to be asked. */
  find(name: string, type: number): LocalAnswer | undefined {
    const own = this.#table.get(name) ?? this.#wildcard(name);
    if (own !== undefined) return this.#follow(name, own, type);
    if (name === "." || name === "") return undefined;
    const dot = name.indexOf(".");
    if (dot < 0) return this.#single(name, type);
    return this.#below(name, type) ?? this.#closed(name, type);
  }

  #addHost(name: string, address: string, domain: string): void {
    const { ttl } = this.#settings;
    const under = domain === "" ? this.#domain : plainName(domain);
    const isShort = !name.includes(".");
    // The long name first: it is what an address is called.
    if (isShort && under !== "") this.#table.addAddress(`${name}.${under}`, address, ttl);
    if (!isShort || under === "") this.#table.addAddress(name, address, ttl);
  }

  #wildcard(name: string): readonly LocalRecord[] | undefined {
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const found = this.#table.get(`*${name.slice(dot)}`);
      if (found !== undefined) return found;
      // A name that is there hides the wildcard above it (RFC 4592 §3.3.1).
      if (this.#table.get(name.slice(dot + 1)) !== undefined) return undefined;
    }
    return undefined;
  }

  #follow(asked: string, own: readonly LocalRecord[], type: number): LocalAnswer {
    const records: { name: string; record: LocalRecord }[] = [];
    let [name, found] = [asked, own];
    for (let steps = 0; steps < MAX_ALIASES; steps++) {
      const direct = type === TYPE.ANY ? found : ofType(found, type);
      const [alias] = direct.length > 0 || type === TYPE.CNAME ? [] : ofType(found, TYPE.CNAME);
      if (alias === undefined) {
        for (const record of direct) records.push({ name, record });
        break;
      }
      records.push({ name, record: alias });
      const target = targetOf(alias.data);
      const next = this.#table.get(target) ?? this.#wildcard(target);
      if (next === undefined) return { kind: "alias", records, target };
      [name, found] = [target, next];
    }
    return { kind: "records", rcode: "NOERROR", records, zone: this.#zoneOf(asked) };
  }

  /** A name of one label: the house's, or nobody's. Types other than addresses are about top-level domains. */
  #single(name: string, type: number): LocalAnswer | undefined {
    if (name === "localhost") return this.#localhost(name, type);
    const isAddress = ADDRESS_TYPES.includes(type);
    if (this.#settings.expandNames && this.#domain !== "") {
      const found = this.#table.get(`${name}.${this.#domain}`);
      if (found !== undefined && isAddress) {
        const records = ofType(found, type).map((record) => ({ name, record }));
        return { kind: "records", rcode: "NOERROR", records, zone: name };
      }
    }
    if (name === this.#domain) return nothing("NOERROR", name);
    if (NEVER_OUTSIDE.includes(name) || isAddress) return nothing("NXDOMAIN", name);
    return undefined;
  }

  /** Below the house's own domain. */
  #below(name: string, type: number): LocalAnswer | undefined {
    const domain = this.#domain;
    if (domain === "") return undefined;
    if (name === domain) return nothing("NOERROR", domain);
    if (!name.endsWith(`.${domain}`)) return undefined;
    const label = name.slice(0, -domain.length - 1);
    if (this.#hasConsul && !label.includes(".") && (ADDRESS_TYPES.includes(type) || type === TYPE.SRV)) {
      const target = `${label}.service.consul`;
      const data: RecordData = { kind: "CNAME", target: target.split(".") };
      return { kind: "alias", records: [{ name, record: { data, ttl: this.#settings.ttl } }], target };
    }
    return nothing(this.#table.hasBelow(name) ? "NOERROR" : "NXDOMAIN", domain);
  }

  /** Zones that nobody outside can know. */
  #closed(name: string, type: number): LocalAnswer | undefined {
    const last = name.slice(name.lastIndexOf(".") + 1);
    if (last === "localhost") return this.#localhost(name, type);
    if (NEVER_OUTSIDE.includes(last)) return nothing("NXDOMAIN", last);
    if (last !== "arpa" || !this.#settings.privateReverse) return undefined;
    const zone = privateReverseZone(name);
    return zone === undefined ? undefined : nothing(name === zone ? "NOERROR" : "NXDOMAIN", zone);
  }

  #localhost(name: string, type: number): LocalAnswer {
    const { ttl } = this.#settings;
    if (type === TYPE.A) return found(name, { data: { kind: "A", address: "127.0.0.1" }, ttl });
    if (type === TYPE.AAAA) return found(name, { data: { kind: "AAAA", address: "::1" }, ttl });
    return nothing("NOERROR", "localhost");
  }

  #zoneOf(name: string): string {
    if (this.#domain !== "" && name.endsWith(`.${this.#domain}`)) return this.#domain;
    return name;
  }
}

function found(name: string, record: LocalRecord): LocalAnswer {
  return { kind: "records", rcode: "NOERROR", records: [{ name, record }], zone: name };
}

function nothing(rcode: "NOERROR" | "NXDOMAIN", zone: string): LocalAnswer {
  return { kind: "records", rcode, records: [], zone };
}

function targetOf(data: RecordData): string {
  return data.kind === "CNAME" ? data.target.join(".").toLowerCase() : "";
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
