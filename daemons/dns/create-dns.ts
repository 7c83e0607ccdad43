import type { Env } from "#base/env/env.ts";
import type { Address, ListenTls } from "#base/env/net.ts";
import type { Timer } from "#base/env/clock.ts";
import { textOf } from "#base/env/bytes.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { ReplyTable } from "./cache/reply-table.ts";
import type { LeaseName } from "#base/protocol/lease-name.ts";
import { Filter } from "./filter/filter.ts";
import type { ListHit } from "./filter/list-hits.ts";
import { ListKeeper, type BuildLists } from "./lists/list-keeper.ts";
import { HouseNames, type HouseSources } from "./local/house-names.ts";
import { ReplyWriter } from "./packet/reply.ts";
import type { QueryObserver } from "./query-record.ts";
import { Client, ClientTable } from "./resolve/client-table.ts";
import type { Neighbours } from "./resolve/client-matcher.ts";
import { ClientRights } from "./resolve/client-rights.ts";
import { Pipeline, type PipelineParts } from "./resolve/pipeline.ts";
import { UpstreamRoutes } from "./resolve/upstream-routes.ts";
import { WaitingQuestions } from "./resolve/waiting-questions.ts";
import { Listeners, type ListenState } from "./server/listeners.ts";
import type { SettingsStore } from "./settings/settings-store.ts";
import type { Settings } from "./settings/settings.ts";

/** Schedules and pauses begin and end to the second, more or less. */
const TICK_MS = 1000;
/** The hosts file, and neighbours of the kernel, are looked at this often. */
const LOOK_EVERY_TICKS = 15;

export interface DnsDeps {
  readonly env: Env;
  readonly settings: SettingsStore;
  readonly observer: QueryObserver;
  /** A folder of its own, for lists. */
  readonly folder: string;
  readonly buildLists: BuildLists;
  readonly listenHttps: (
    at: Address,
    exchange: Exchange,
    tls: ListenTls,
  ) => Promise<{ readonly address: Address; close(): Promise<unknown> }>;
  readonly house: HouseSources;
  /** Several processes share the ports. Default false. */
  readonly reusePort?: boolean;
}

export type Dns = DnsServer;

/** The DNS server of a household; listens once started. */
export function createDns(deps: DnsDeps): DnsServer {
  return new DnsServer(deps);
}

class DnsServer {
  readonly lists: ListKeeper;
  readonly filter: Filter;
  readonly clients: ClientTable;
  readonly #deps: DnsDeps;
  readonly #pipeline: Pipeline;
  readonly #waiting: WaitingQuestions;
  readonly #listeners: Listeners;
  readonly #house: HouseNames;
  readonly #writer: ReplyWriter;
  readonly #cookieSecret: Uint8Array;
  #routes: UpstreamRoutes;
  #rights: ClientRights;
  #settings: Settings;
  #tickTimer: Timer | undefined;
  #ticks = 0;
  #stopWatching: () => void = () => {};
  #isStopped = false;
  #using: Promise<void> = Promise.resolve();

  constructor(deps: DnsDeps) {
    this.#deps = deps;
    const { env } = deps;
    const settings = deps.settings.current;
    this.#settings = settings;
    const seed = new DataView(env.random.bytes(4).buffer).getInt32(0);
    this.#cookieSecret = env.random.bytes(32);
    this.filter = new Filter(seed, settings);
    this.filter.tick(env.clock.nowMs());
    this.#writer = new ReplyWriter({ udpBytes: settings.limits.udpBytes, cookieSecret: this.#cookieSecret });
    this.#house = new HouseNames(seed, deps.house, settings.local);
    this.#routes = new UpstreamRoutes(env, settings, { ca: undefined, consul: this.#house.consul });
    this.#rights = new ClientRights(env.net, settings, this.#house);
    this.clients = new ClientTable((address) => new Client(address, this.#rights.of(address)));
    const renew = (client: Client): void => this.#renew(client);
    const { observer } = deps;
    this.#pipeline = new Pipeline(
      { env, filter: this.filter, writer: this.#writer, seed, observer, renew },
      this.#parts(),
    );
    const route = (about: { text(): string }, client: Client) => this.#routes.of(about, client.route);
    this.#waiting = new WaitingQuestions({ env, pipeline: this.#pipeline, route });
    this.#pipeline.onPrefetch = (client) => this.#waiting.prefetch(client);
    const answering = { pipeline: this.#pipeline, waiting: this.#waiting, clients: this.clients };
    const { listenHttps, reusePort = false } = deps;
    this.#listeners = new Listeners({ env, answering, listenHttps, reusePort }, this.#listenState(undefined));
    const onSwap = (): void => this.#somethingChanged();
    const { buildLists: build, folder } = deps;
    this.lists = new ListKeeper({ env, filter: this.filter, seed, folder, build, onSwap }, settings);
  }

  /** Answers before the lists are there: a household without names is worse off than one with advertisements. */
  async start(): Promise<void> {
    const { settings } = this.#deps;
    this.#stopWatching = settings.onChange((changed) => {
      this.#using = this.#use(changed);
    });
    this.#house.onChange(() => this.#useHouse());
    await this.#house.start(this.#deps.env);
    await this.#use(settings.current);
    await this.#listeners.start();
    this.#tick();
    await this.lists.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopWatching();
    this.#tickTimer?.cancel();
    this.#house.stop();
    await this.lists.stop();
    await this.#listeners.stop();
    await this.#routes.close();
  }

  /** Resolves when the newest settings, and the lists they name, are in use. */
  async settled(): Promise<void> {
    await this.#using;
    await this.#listeners.look();
    await this.lists.settled();
  }

  /** Where it listens: `udp`, `tcp`, `dot`, `doh`. */
  addresses(way: "udp" | "tcp" | "dot" | "doh"): readonly Address[] {
    return this.#listeners.addresses(way);
  }

  /** Forgets every answer. */
  flushCache(): void {
    this.#pipeline.use({ ...this.#parts(), table: this.#newTable() });
  }

  /** Which lists hold a name, or the names above it. */
  listsWith(name: string): readonly ListHit[] {
    return this.filter.listsWith(name);
  }

  /** Who has which address and name. */
  get neighbours(): Neighbours {
    return this.#house;
  }

  get leases(): readonly LeaseName[] {
    return this.#house.leases;
  }

  status(): DnsStatus {
    return {
      isBlocking: this.filter.isOn,
      blockedNames: this.filter.blockedNames,
      cachedReplies: this.#pipeline.parts.table.size,
      localNames: this.#house.names.size,
      clients: this.clients.size,
      waiting: this.#waiting.size,
      upstreams: this.#routes.servers(),
      problems: [
        ...this.#routes.problems,
        ...this.#house.names.problems,
        ...this.filter.problems.map(({ id, message }) => `rule ${id}: ${message}`),
        ...[...this.#listeners.problems].map(([place, message]) => `${place}: ${message}`),
      ],
    };
  }

  /** New settings: what they are made of is made anew, and the sockets of servers nobody names any more are closed. */
  async #use(settings: Settings): Promise<void> {
    const before = this.#routes;
    const { env } = this.#deps;
    this.#settings = settings;
    const ca = await this.#readText(settings.upstream.caFile);
    const tls = await this.#tls(settings);
    if (this.#isStopped || this.#settings !== settings) return;
    this.#writer.limits = { udpBytes: settings.limits.udpBytes, cookieSecret: this.#cookieSecret };
    this.#house.use(settings.local);
    this.#routes = new UpstreamRoutes(env, settings, { ca, consul: this.#house.consul });
    this.#rights = new ClientRights(env.net, settings, this.#house);
    this.clients.clear();
    this.filter.use({ settings });
    this.filter.tick(env.clock.nowMs());
    this.#pipeline.use({ ...this.#parts(), table: this.#newTable() });
    this.#listeners.use(this.#listenState(tls));
    this.lists.use(settings);
    for (const problem of this.#routes.problems) env.log.warn(problem);
    // Those who wait for an answer still get it.
    env.clock.after(before.timeoutMs, () => void before.close());
  }

  #parts(): PipelineParts {
    const { names, gate } = this.#house;
    return {
      settings: this.#settings,
      local: names,
      gate,
      table: this.#pipelineTable(),
      isElsewhere: (name) => this.#routes.isConditional(name),
    };
  }

  #pipelineTable(): ReplyTable {
    // The pipeline is made with these parts, and does not exist before.
    const pipeline: Pipeline | undefined = this.#pipeline;
    return pipeline?.parts.table ?? this.#newTable();
  }

  #newTable(): ReplyTable {
    // Names of the house have room of their own, so that they never push out answers that had to be asked for.
    return new ReplyTable(this.#settings.cache.size + this.#house.names.size * 3 + 1000);
  }

  #useHouse(): void {
    if (!this.#isStopped) this.#pipeline.use(this.#parts());
  }

  #somethingChanged(): void {
    this.#pipeline.use(this.#parts());
  }

  #renew(client: Client): void {
    const { groups, servers } = this.#rights.match(client.address);
    client.policy = this.filter.policyOf(groups);
    client.route = this.#routes.routeOf(servers);
  }

  #listenState(tls: ListenTls | undefined): ListenState {
    return { listen: this.#settings.listen, maxConnections: this.#settings.limits.connections, tls };
  }

  async #tls({ listen }: Settings): Promise<ListenTls | undefined> {
    if (listen.tls.length === 0 && listen.https.length === 0) return undefined;
    const cert = await this.#readText(listen.certFile);
    const key = await this.#readText(listen.keyFile);
    if (cert !== undefined && key !== undefined) return { cert, key };
    this.#deps.env.log.warn(
      "DNS over TLS and HTTPS are off: listen.certFile and listen.keyFile name no readable files",
    );
    return undefined;
  }

  async #readText(path: string): Promise<string | undefined> {
    if (path === "") return undefined;
    try {
      const bytes = await this.#deps.env.disk.read(path);
      return bytes === undefined ? undefined : textOf(bytes);
    } catch (thrown) {
      this.#deps.env.log.warn(messageOf(thrown));
      return undefined;
    }
  }

  #tick(): void {
    const { clock } = this.#deps.env;
    this.#tickTimer = clock.after(TICK_MS, () => {
      if (this.#isStopped) return;
      if (this.filter.tick(clock.nowMs())) this.#somethingChanged();
      this.#ticks += 1;
      if (this.#ticks % LOOK_EVERY_TICKS === 0) void this.#house.look();
      this.#tick();
    });
  }
}

export interface DnsStatus {
  readonly isBlocking: boolean;
  readonly blockedNames: number;
  readonly cachedReplies: number;
  readonly localNames: number;
  readonly clients: number;
  /** Questions others are being asked. */
  readonly waiting: number;
  readonly upstreams: readonly {
    readonly server: string;
    readonly rttMs: number;
    readonly isDead: boolean;
  }[];
  readonly problems: readonly string[];
}
