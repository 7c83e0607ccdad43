import { assert } from "#base/env/assert.ts";
import type { Clock } from "#base/env/clock.ts";
import { shuffle, type Random } from "#base/env/random.ts";
import { parseDuration } from "#base/language/duration.ts";
import { addressFamily, ipv4Bytes, ipv6Bytes } from "#base/protocol/dns/address.ts";
import { labelsOf, lowerCase } from "#base/protocol/dns/name.ts";
import { TYPE, type Question, type ResourceRecord } from "#base/protocol/dns/record.ts";
import type { CatalogNode } from "#base/protocol/catalog.ts";
import type { View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices, preparedQueries } from "#base/state/tables.ts";
import type { Coordinates } from "../catalog/coordinates.ts";
import { addressOf, instancesByDnsName, type Instance } from "../catalog/instances.ts";
import type { DnsConfig } from "../config.ts";
import { executeQuery } from "../queries/execute.ts";
import type { PreparedQueries } from "../queries/prepared-queries.ts";
import { reverseAddress } from "./reverse-name.ts";
import { readZoneName, type ZoneName } from "./zone-name.ts";
import { addressRecord, chunks, endsWith, nameUnder, record } from "./zone-records.ts";

export interface ZoneDeps {
  readonly view: View;
  readonly random: Random;
  readonly clock: Clock;
  readonly datacenter: string;
  readonly domain: string;
  readonly altDomain?: string;
  readonly dns: DnsConfig;
  readonly nodeName: string;
  readonly queries: Pick<PreparedQueries, "resolve">;
  readonly coordinates: Pick<Coordinates, "nearest">;
}

/** An answer before it is cut to size. `extras[i]` are the additional records that belong to `answers[i]`. */
export interface ZoneAnswer {
  readonly rcode: "NOERROR" | "NXDOMAIN";
  readonly answers: readonly ResourceRecord[];
  readonly extras: readonly (readonly ResourceRecord[])[];
  /** The zone's SOA, for answers that say there is nothing. */
  readonly authority: ResourceRecord | undefined;
}

/** Answers in one message, whatever the transport. */
const MAX_ANSWERS = 4096;
const MAX_SRV_ANSWERS = 1024;
/** Services whose instances are kept joined between changes of the catalog. */
const MAX_KEPT_SERVICES = 10_000;
const SOA_DEFAULTS = { refresh: 3600, retry: 600, expire: 86_400, minTtl: 0 };

/** The catalog as a DNS zone: pure answers from the view. */
export class Zone {
  readonly #deps: ZoneDeps;
  readonly #domains: readonly (readonly string[])[];
  /** By name in lower case; valid while the catalog is at {@link #keptAt}. */
  readonly #kept = new Map<string, readonly Instance[]>();
  #keptAt = 0;
  readonly #tables: readonly { readonly lastIndex: number }[];

  constructor(deps: ZoneDeps) {
    this.#deps = deps;
    const { view } = deps;
    this.#tables = [
      view.table(catalogServices),
      view.table(catalogNodes),
      view.table(catalogChecks),
      view.table(preparedQueries),
    ];
    this.#domains = [deps.domain, ...(deps.altDomain === undefined ? [] : [deps.altDomain])].map((domain) => {
      const labels = labelsOf(domain.toLowerCase());
      assert(labels !== undefined, `the domain ${domain} is no DNS name`);
      return labels;
    });
  }

  /** Rises with everything that answers are made of. */
  get version(): number {
    let newest = 0;
    for (const table of this.#tables) newest = Math.max(newest, table.lastIndex);
    return newest;
  }

  /** Undefined when the name is not ours to answer. Reverse names are ours only where we know the address. */
  answer(question: Question): ZoneAnswer | undefined {
    const lower = question.name.map(lowerCase);
    const domain = this.#domains.find((labels) => endsWith(lower, labels));
    if (domain === undefined) return this.#reverse(question, lower);
    const asked: Asked = { question, domain, soa: () => this.#soa(domain) };
    const name = readZoneName(lower.slice(0, lower.length - domain.length));
    if ("datacenter" in name && name.datacenter !== "" && name.datacenter !== this.#deps.datacenter.toLowerCase()) {
      return nothing(asked, "NXDOMAIN");
    }
    return this.#answerName(asked, name);
  }

  #answerName(asked: Asked, name: ZoneName): ZoneAnswer {
    switch (name.kind) {
      case "apex":
        return this.#apex(asked);
      case "primary":
        return plain(asked, this.#addressRecords(asked, this.#servers().map(addressOf)));
      case "address":
        return plain(asked, this.#addressRecords(asked, [name.address]));
      case "node":
        return this.#node(asked, name.node);
      case "service":
        return this.#service(asked, name.service, name.tag);
      case "query":
        return this.#query(asked, name.query);
      case "unknown":
        return nothing(asked, "NXDOMAIN");
      default:
        return name satisfies never;
    }
  }

  #apex(asked: Asked): ZoneAnswer {
    const { type } = asked.question;
    if (type === TYPE.SOA) return { rcode: "NOERROR", answers: [asked.soa()], extras: [], authority: undefined };
    if (type !== TYPE.NS && type !== TYPE.ANY) return nothing(asked, "NOERROR");
    const servers = this.#servers().slice(0, 3);
    const named = servers.flatMap((server) => {
      const target = this.#nodeName(asked.domain, server.node.value.Node);
      return target === undefined ? [] : [{ target, address: server.node.value.Address }];
    });
    const ns = named.map(({ target }) => record(asked.question.name, 0, { kind: "NS", target }));
    const extras = named.map(({ target, address }) => addressRecord(target, 0, address));
    const answers = type === TYPE.ANY ? [asked.soa(), ...ns] : ns;
    return { rcode: "NOERROR", answers, extras: type === TYPE.ANY ? [[], ...extras] : extras, authority: undefined };
  }

  #node(asked: Asked, name: string): ZoneAnswer {
    const node = this.#findNode(name);
    if (node === undefined) return nothing(asked, "NXDOMAIN");
    const ttl = this.#deps.dns.nodeTtl ?? 0;
    const { type } = asked.question;
    const addresses = this.#addressRecords(asked, [node.Address], ttl);
    const texts = type === TYPE.TXT || type === TYPE.ANY ? this.#metaRecords(asked.question.name, node) : [];
    return plain(asked, [...addresses, ...texts]);
  }

  #service(asked: Asked, service: string, tag: string): ZoneAnswer {
    const { dns, random } = this.#deps;
    const wanted = this.#instances(service).filter((instance) => {
      if (instance.status === "critical" || (dns.onlyPassing === true && instance.status !== "passing")) return false;
      return tag === "" || instance.service.value.Tags.some((own) => own.toLowerCase() === tag);
    });
    if (wanted.length === 0) return nothing(asked, "NXDOMAIN");
    return this.#instanceRecords(asked, shuffle(random, [...wanted]), this.#serviceTtl(service));
  }

  /** A prepared query by name or id; its own time to live counts before that of its service. */
  #query(asked: Asked, name: string): ZoneAnswer {
    const { queries, view, random, nodeName, coordinates } = this.#deps;
    const query = queries.resolve(name);
    if (query === undefined) return nothing(asked, "NXDOMAIN");
    const { Near } = query.Service;
    const near = Near === "_agent" || Near === "_ip" ? nodeName : Near;
    const found = executeQuery({ view, random, coordinates }, query, { near, limit: 0 });
    if (found.length === 0) return nothing(asked, "NXDOMAIN");
    const own = parseDuration(query.DNS.TTL);
    const ttl = own === undefined ? this.#serviceTtl(query.Service.Service.toLowerCase()) : Math.floor(own / 1e9);
    return this.#instanceRecords(asked, found, ttl);
  }

  #instanceRecords(asked: Asked, instances: readonly Instance[], ttl: number): ZoneAnswer {
    if (asked.question.type === TYPE.SRV) return this.#srv(asked, instances, ttl);
    return plain(asked, this.#addressRecords(asked, instances.map(addressOf), ttl));
  }

  #srv(asked: Asked, instances: readonly Instance[], ttl: number): ZoneAnswer {
    const answers: ResourceRecord[] = [];
    const extras: (readonly ResourceRecord[])[] = [];
    const seen = new Set<string>();
    for (const instance of instances.slice(0, MAX_SRV_ANSWERS)) {
      const { Port: port, Weights, Address } = instance.service.value;
      const address = addressOf(instance);
      if (seen.has(`${address}/${instance.node.id}/${port}`)) continue;
      seen.add(`${address}/${instance.node.id}/${port}`);
      const target =
        Address === "" ? this.#nodeName(asked.domain, instance.node.value.Node) : this.#hostName(asked.domain, address);
      if (target === undefined) continue;
      const weight = instance.status === "passing" ? Weights.Passing : Weights.Warning;
      answers.push(
        record(asked.question.name, ttl, { kind: "SRV", priority: 1, weight: weight & 0xffff, port, target }),
      );
      extras.push([
        ...addressRecord(target, ttl, address),
        ...(Address === "" ? this.#metaRecords(target, instance.node.value) : []),
      ]);
    }
    return answers.length === 0
      ? nothing(asked, "NOERROR")
      : { rcode: "NOERROR", answers, extras, authority: undefined };
  }

  /** A, AAAA or both, as asked, each address once; a name instead of an address becomes a CNAME where nothing else answers. */
  #addressRecords(asked: Asked, addresses: readonly string[], ttl = 0): readonly ResourceRecord[] {
    const { name, type } = asked.question;
    const limit = this.#deps.dns.aRecordLimit ?? 0;
    const unique = [...new Set(addresses)];
    const records = unique
      .flatMap((address) => addressRecord(name, ttl, address))
      .filter(
        ({ data }) =>
          type === TYPE.ANY || (type === TYPE.A && data.kind === "A") || (type === TYPE.AAAA && data.kind === "AAAA"),
      );
    if (records.length > 0) return records.slice(0, limit > 0 ? limit : MAX_ANSWERS);
    if (type !== TYPE.A && type !== TYPE.AAAA && type !== TYPE.ANY && type !== TYPE.CNAME) return [];
    const alias = unique.find((address) => addressFamily(address) === undefined);
    const target = alias === undefined ? undefined : labelsOf(alias);
    return target === undefined || target.length === 0 ? [] : [record(name, ttl, { kind: "CNAME", target })];
  }

  /** `key=value` as RFC 1464 has it; the value alone for keys that begin with `rfc1035-`. */
  #metaRecords(name: readonly string[], node: CatalogNode): readonly ResourceRecord[] {
    if (this.#deps.dns.nodeMetaTxt === false) return [];
    return Object.entries(node.Meta).map(([key, value]) => {
      const text = key.toLowerCase().startsWith("rfc1035-") ? value : `${key.replaceAll(/[`=]/g, "`$&")}=${value}`;
      return record(name, this.#deps.dns.nodeTtl ?? 0, { kind: "TXT", texts: chunks(text) });
    });
  }

  #reverse(question: Question, lower: readonly string[]): ZoneAnswer | undefined {
    const address = reverseAddress(lower);
    const [domain] = this.#domains;
    if (address === undefined || domain === undefined) return undefined;
    const names: (readonly string[] | undefined)[] = [];
    const { view } = this.#deps;
    for (const { value } of view.table(catalogNodes).by("address", address))
      names.push(this.#nodeName(domain, value.Node));
    if (names.length === 0) {
      for (const { value } of view.table(catalogServices).by("address", address)) {
        names.push(nameUnder(domain, [value.Service, "service"]));
      }
    }
    const targets = new Map(names.flatMap((name) => (name === undefined ? [] : [[name.join("."), name] as const])));
    if (targets.size === 0) return undefined;
    const wanted = question.type === TYPE.PTR || question.type === TYPE.ANY;
    const answers = wanted
      ? [...targets.values()].map((target) => record(question.name, 0, { kind: "PTR", target }))
      : [];
    return { rcode: "NOERROR", answers, extras: [], authority: wanted ? undefined : this.#soa(domain) };
  }

  #soa(domain: readonly string[]): ResourceRecord {
    const { refresh, retry, expire, minTtl } = this.#deps.dns.soa ?? SOA_DEFAULTS;
    const serial = Math.floor(this.#deps.clock.nowMs() / 1000) % 2 ** 32;
    const [primary, mailbox] = [
      ["ns", ...domain],
      ["hostmaster", ...domain],
    ];
    return record(domain, 0, { kind: "SOA", primary, mailbox, serial, refresh, retry, expire, minimum: minTtl });
  }

  /** Instances of `consul`: the nodes that answer for the zone. */
  #servers(): readonly Instance[] {
    const servers = this.#instances("consul").filter((server) => server.status !== "critical");
    return shuffle(this.#deps.random, [...servers]);
  }

  /** Joining services, nodes and checks is most of an answer's cost, and the catalog changes seldom. */
  #instances(service: string): readonly Instance[] {
    const { view } = this.#deps;
    const at = this.version;
    if (at !== this.#keptAt || this.#kept.size >= MAX_KEPT_SERVICES) this.#kept.clear();
    this.#keptAt = at;
    const known = this.#kept.get(service);
    if (known !== undefined) return known;
    const instances = instancesByDnsName(view, service);
    // Names that do not exist are without number.
    if (instances.length > 0) this.#kept.set(service, instances);
    return instances;
  }

  #findNode(name: string): CatalogNode | undefined {
    for (const row of this.#deps.view.table(catalogNodes).by("dns", name)) return row.value;
    return undefined;
  }

  #serviceTtl(service: string): number {
    const ttls = this.#deps.dns.serviceTtl ?? {};
    const exact = ttls[service];
    if (exact !== undefined) return exact;
    const prefixes = Object.keys(ttls).filter((key) => key.endsWith("*") && service.startsWith(key.slice(0, -1)));
    return ttls[prefixes.toSorted((a, b) => b.length - a.length)[0] ?? ""] ?? 0;
  }

  #nodeName(domain: readonly string[], node: string): readonly string[] | undefined {
    return nameUnder(domain, [node, "node", this.#deps.datacenter]);
  }

  /** `<hex>.addr.<dc>.<domain>` for an address, the name itself for a name. */
  #hostName(domain: readonly string[], address: string): readonly string[] | undefined {
    const bytes = ipv4Bytes(address) ?? ipv6Bytes(address);
    if (bytes === undefined) return labelsOf(address);
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return nameUnder(domain, [hex, "addr", this.#deps.datacenter]);
  }
}

interface Asked {
  readonly question: Question;
  readonly domain: readonly string[];
  readonly soa: () => ResourceRecord;
}

function plain(asked: Asked, answers: readonly ResourceRecord[]): ZoneAnswer {
  return answers.length === 0
    ? nothing(asked, "NOERROR")
    : { rcode: "NOERROR", answers, extras: [], authority: undefined };
}

function nothing(asked: Asked, rcode: "NOERROR" | "NXDOMAIN"): ZoneAnswer {
  return { rcode, answers: [], extras: [], authority: asked.soa() };
}
