import { isDeepStrictEqual } from "node:util";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { NodeIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { Server } from "#base/protocol/server.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { HttpError } from "#base/http/http-error.ts";
import { put, remove } from "#base/state/codec.ts";
import { Leadership } from "#base/state/leadership/leadership.ts";
import type { ServerPool } from "#base/state/leadership/server-pool.ts";
import type { Compare, Op } from "#base/state/store.ts";
import * as tables from "#base/state/tables.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import type { GaugeSource } from "#daemons/scheduler/gauge.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import { nodeServerName } from "#daemons/cluster/names.ts";
import { ASKED_NODE } from "#daemons/discovery/http/asked-node.ts";
import { internalAddress, type Addresses } from "../addresses.ts";
import type { CertificateKeeper } from "../internal/certificate-keeper.ts";
import type { Membership } from "../internal/membership.ts";
import type { State } from "../open-state.ts";
import type { DataFolder } from "../data-folder.ts";
import { etcdGauges } from "./etcd-gauges.ts";
import { writeEngineFile, type EngineFile } from "./engine-file.ts";
import { comparingClocks, type ComparedClocks } from "./clocks-apart.ts";
import { EtcdTurns } from "./etcd-turns.ts";
import { MemberWatch } from "./member-watch.ts";
import type { OwnMember } from "./own-member.ts";
import type { EtcdState } from "./open-etcd-state.ts";
import { forwarding } from "./forward.ts";
import { FreshReads } from "./fresh-reads.ts";
import { HistoryKeeper } from "./history-keeper.ts";
import { knownShapes, tellWhenJudged } from "./known-shapes.ts";
import { watchLeader } from "./leader-watch.ts";
import { sayThatTheyLeft } from "./left-servers.ts";
import { consulNeedsLeader, nomadNeedsLeader } from "./leader-routes.ts";
import { answeringPeers, renewAtLeader, type PeerPlace } from "./peer-calls.ts";

export interface ClusterServersDeps {
  readonly config: AgentConfig;
  readonly env: Env;
  readonly addresses: Addresses;
  readonly identity: NodeIdentity;
  readonly nodeName: string;
  readonly version: string;
  readonly state: State;
  readonly folder: DataFolder;
  /** The etcd member that this server looks after, if it does. */
  readonly member: OwnMember | undefined;
  readonly engine: EngineFile | undefined;
  readonly etcd: EtcdState;
  /** What this node proves itself with, once it is known. */
  readonly own: { readonly keeper?: CertificateKeeper };
  /** Stops this agent and starts it again. */
  readonly restart?: () => void;
}

/** What this server does when it begins to lead, and when that ends. */
export interface Led {
  startLeading(): void;
  stopLeading(): Promise<void> | void;
}

type Wrap = (exchange: Exchange) => Exchange;

/** A planned hand-over is over, or has failed, within this time. */
const HAND_OVER_MS = 5000;
const TELL_AGAIN_MS = 5000;

/** This server among the others that share its state: who they are, who leads, and its own part in that. */
export class ClusterServers implements ServerPool {
  readonly reads: FreshReads;
  /** Of etcd, where the servers look after it themselves. */
  readonly members: MemberWatch | undefined;
  readonly #deps: ClusterServersDeps;
  readonly #leadership: Leadership;
  readonly #turns: EtcdTurns | undefined;
  readonly #end = new AbortController();
  #led: readonly Led[] = [];
  readonly #clocks: ComparedClocks;
  #missed: ReadonlySet<string> = new Set();
  #serf: Serf | undefined;

  constructor(deps: ClusterServersDeps) {
    this.#deps = deps;
    const { env, etcd, state } = deps;
    this.#clocks = comparingClocks(env.log, () => void this.#tell());
    const self = this.#self();
    this.#leadership = new Leadership({
      api: etcd.client,
      store: etcd.store,
      clock: env.clock,
      random: env.random,
      log: env.log.child("leadership"),
      self: { schema: 1, id: self.ID, name: self.Name, http: self.HTTP, consul: self.Consul, rpc: self.RPC },
      onLead: () => {
        // Others compare theirs with this one's now.
        this.#clocks.forget();
        this.#led.forEach((part) => part.startLeading());
      },
      onFollow: () => this.#led.forEach((part) => void part.stopLeading()),
    });
    this.members = this.#watchMembers();
    this.#turns = this.#takeTurns();
    this.reads = new FreshReads({
      store: etcd.store,
      view: state.view,
      clock: env.clock,
      hasLeader: () => this.leaderId !== undefined,
    });
  }

  #watchMembers(): MemberWatch | undefined {
    const { env, etcd, member, engine, folder, config, state } = this.#deps;
    if (member === undefined || engine?.engine !== "etcd") return undefined;
    return new MemberWatch({
      clock: env.clock,
      log: env.log.child("etcd"),
      tls: member.tls?.pem,
      deadAfterMs: config.state.etcd.deadMemberMs,
      quotaBytes: config.state.etcd.quotaBytes,
      forget: (keep) => etcd.store.compact(Math.max(1, etcd.store.status().revision - keep)),
      endpoints: () => etcd.client.endpoints.list,
      onMembers: (urls) => {
        const others = urls.filter((url) => url !== member.clientUrl);
        etcd.client.endpoints.update([member.clientUrl, ...others]);
        void writeEngineFile(env.disk, folder.state, { ...engine, members: [...urls] }).catch((thrown: unknown) =>
          env.log.warn("the etcd members could not be noted", { error: messageOf(thrown) }),
        );
      },
      onRemoved: (name) => this.#forget(name),
      onSeen: async (names) => {
        await this.#forgetOthersThan(names);
        if (this.#serf === undefined) return;
        await sayThatTheyLeft({ view: state.view, serf: this.#serf, servers: this.list() });
      },
      self: this.selfId,
      onExpelled: () => void this.#standBy(),
    });
  }

  #takeTurns(): EtcdTurns | undefined {
    const { env, etcd, member } = this.#deps;
    const { members } = this;
    if (member === undefined || members === undefined) return undefined;
    return new EtcdTurns({
      env,
      member,
      self: this.selfId,
      endpoints: etcd.client.endpoints,
      servers: () => this.list(),
      see: () => members.see(),
      tell: () => this.#register(),
    });
  }

  /** Of etcd, where the servers look after it themselves. */
  gauges(): readonly GaugeSource[] {
    const { member, env, config } = this.#deps;
    if (member === undefined) return [];
    const { quotaBytes } = config.state.etcd;
    const place = () => ({ endpoints: this.endpoints, tls: member.tls?.pem });
    return [etcdGauges({ disk: env.disk, place, quotaBytes, pid: () => member.pid() })];
  }

  /** Its member was taken out: without it this server has no state. */
  async #standBy(): Promise<void> {
    const { env, folder, restart } = this.#deps;
    env.log.error("this server was taken out of those that hold the state; it stands by");
    await writeEngineFile(env.disk, folder.state, { engine: "joining" });
    restart?.();
  }

  /** Client URLs of the etcd members. */
  get endpoints(): readonly string[] {
    return this.#deps.etcd.client.endpoints.list;
  }

  get selfId(): string {
    return this.#deps.identity.nodeId;
  }

  get leaderId(): string | undefined {
    return this.#leadership.leader?.id;
  }

  get isLeader(): boolean {
    return this.#leadership.isLeader;
  }

  /** Holds while this server leads. */
  readonly fence = (): readonly Compare[] => this.#leadership.fence();

  /** Where the leader answers other servers. Undefined: nobody leads, or servers are no members of one cluster. */
  #leaderPlace(): PeerPlace | undefined {
    const { leader } = this.#leadership;
    const { keeper } = this.#deps.own;
    if (leader === undefined || leader.rpc === "" || keeper === undefined) return undefined;
    return { origin: `https://${leader.rpc}`, tls: { ...keeper.tls(), serverName: nodeServerName(leader.id) } };
  }

  /** Tells the leader that a node lives. Rejects while nobody leads. */
  readonly renewNode = async (nodeId: string): Promise<number> => {
    const leader = this.#leaderPlace();
    if (leader === undefined) throw new HttpError(500, "No cluster leader");
    return renewAtLeader(this.#deps.env.http, leader, nodeId);
  };

  /** What stands around the APIs: only the leader can answer some requests. */
  around(): { readonly nomad: Wrap; readonly consul: Wrap } {
    const { clock, http } = this.#deps.env;
    const deps = {
      http,
      clock,
      selfId: this.selfId,
      isLeader: () => this.isLeader,
      leader: () => this.#leaderPlace(),
    };
    const asked = { [ASKED_NODE]: encodeURIComponent(this.#deps.nodeName) };
    return {
      nomad: (exchange) => forwarding(exchange, nomadNeedsLeader, { ...deps, api: "nomad", headers: {} }),
      consul: (exchange) => forwarding(exchange, consulNeedsLeader, { ...deps, api: "consul", headers: asked }),
    };
  }

  /** What stands around the internal API: servers ask the leader. */
  answering(exchange: Exchange, server: SchedulerServer): Exchange {
    const { clock } = this.#deps.env;
    return answeringPeers(exchange, {
      clock,
      isLeader: () => this.isLeader,
      renew: (nodeId) => server.renewNode(nodeId),
    });
  }

  /** This node has another certificate, or trusts others. */
  async certified(membership: Membership): Promise<void> {
    const { member } = this.#deps;
    await member?.renew(membership);
    if (member?.trusts !== member?.wanted) this.#turns?.due();
  }

  list(): readonly Server[] {
    const rows = [...this.#deps.state.view.table(tables.servers).list(GLOBAL)].map(({ value }) => value);
    return rows.toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  }

  isAlive(id: string): boolean {
    const name = this.list().find(({ ID }) => ID === id)?.Name;
    return id === this.selfId || name === undefined || !this.isGone(name);
  }

  /** As gossip tells, where there is any. */
  isGone(name: string): boolean {
    const member = this.#serf?.members().find((one) => one.name === name);
    return member !== undefined && member.status !== "alive";
  }

  async transferLeadership(id: string | undefined): Promise<Result<void>> {
    const others = this.list().filter(({ ID }) => ID !== this.selfId && this.isAlive(ID));
    const target = id === undefined ? others[0] : others.find(({ ID }) => ID === id);
    if (target === undefined)
      return fail("no_successor", "no other server that is alive could lead", "start one, or name another");
    if (!(await this.#leadership.resign(target.ID)))
      return fail("not_leader", "this server does not lead", "ask again");
    const { clock } = this.#deps.env;
    const deadline = clock.monotonicMs() + HAND_OVER_MS;
    while (this.leaderId === undefined) {
      if (clock.monotonicMs() > deadline)
        return fail("no_leader", `${target.Name} did not take over`, "look at its log");
      await sleep(clock, 10);
    }
    if (this.leaderId !== target.ID)
      return fail("other_leader", `${target.Name} did not take over in time, and another leads`, "look at its log");
    return succeed(undefined);
  }

  async remove(id: string): Promise<Result<void>> {
    try {
      await this.members?.remove(id);
    } catch (thrown) {
      return fail("not_removed", `its etcd member could not be removed: ${messageOf(thrown)}`, "are the others well?");
    }
    // It stays a node of the cluster, and does not come back as a server by itself.
    const member = this.#deps.state.view.table(tables.clusterMembers).get(GLOBAL, id)?.value;
    await this.#forget(
      id,
      member === undefined
        ? []
        : [put(tables.clusterMembers, { namespace: GLOBAL, id }, { ...member, Role: "client" })],
    );
    return succeed(undefined);
  }

  /** Servers whose members are gone: whoever took their place took them out. */
  async #forgetOthersThan(names: readonly string[]): Promise<void> {
    const gone = this.list().filter(({ ID }) => ID !== this.selfId && !names.includes(ID));
    const twice = gone.filter(({ ID }) => this.#missed.has(ID));
    this.#missed = new Set(gone.map(({ ID }) => ID));
    for (const { ID } of twice) await this.#forget(ID);
  }

  async #forget(id: string, also: readonly Op[] = []): Promise<void> {
    const { store, view } = this.#deps.state;
    const { revision } = await store.txn({ then: [remove(tables.servers, GLOBAL, id), ...also] });
    await view.reached(revision);
  }

  /** Makes itself known and takes its part; `led` starts and ends with this server's leadership. */
  async start(led: readonly Led[]): Promise<void> {
    const { env, etcd } = this.#deps;
    const members = this.members === undefined ? [] : [this.members];
    this.#led = [...led, new HistoryKeeper(etcd.store, env), ...members];
    this.members?.start();
    await this.#register();
    void tellWhenJudged(env.clock, () => void this.#tell(), this.#end.signal);
    await this.#leadership.start();
    this.reads.start();
    void watchLeader(
      {
        env,
        leadership: this.#leadership,
        selfId: this.selfId,
        place: () => this.#leaderPlace(),
        onClock: (aheadMs) => this.#clocks.hear(aheadMs),
      },
      this.#end.signal,
    );
  }

  /** Gossip tells of servers that went. */
  follow(serf: Serf): void {
    this.#serf = serf;
    const unsubscribe = serf.subscribe((event) => {
      if (event.kind !== "member-failed" && event.kind !== "member-leave") return;
      const names = new Set(event.members.map(({ name }) => name));
      for (const { ID, Name } of this.list()) if (names.has(Name)) this.#leadership.suspect(ID);
    });
    this.#end.signal.addEventListener("abort", unsubscribe, { once: true });
  }

  /** Hands the leadership over, where it has it. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.reads.stop();
    this.members?.stop();
    await this.#turns?.stop();
    await this.#leadership.stop();
  }

  async #register(): Promise<void> {
    const { store, view } = this.#deps.state;
    const self = this.#self();
    const known = view.table(tables.servers).get(GLOBAL, self.ID)?.value;
    if (known !== undefined && isDeepStrictEqual(known, self)) return;
    const { revision } = await store.txn({ then: [put(tables.servers, { namespace: GLOBAL, id: self.ID }, self)] });
    await view.reached(revision);
  }

  /** Again until it is done: whoever waits for what it says would wait for ever. */
  async #tell(): Promise<void> {
    const { env } = this.#deps;
    while (!this.#end.signal.aborted) {
      try {
        await this.#register();
        return;
      } catch (thrown) {
        env.log.warn("the other servers could not be told of this one; it is tried again", {
          error: messageOf(thrown),
        });
      }
      await sleep(env.clock, TELL_AGAIN_MS, this.#end.signal);
    }
  }

  #self(): Server {
    const { config, addresses, identity, nodeName, version, member } = this.#deps;
    const host = addresses.advertise.includes(":") ? `[${addresses.advertise}]` : addresses.advertise;
    const at = (port: number): string => (port === 0 ? "" : `${host}:${port}`);
    return {
      ID: identity.nodeId,
      Name: nodeName,
      HTTP: at(config.ports.http),
      Consul: at(config.ports.consul),
      RPC: config.ports.rpc === 0 ? "" : internalAddress({ config, addresses }),
      Address: addresses.advertise,
      Version: version,
      EtcdClient: member?.clientUrl ?? "",
      EtcdPeer: member?.peerUrl ?? "",
      Shapes: knownShapes(),
      ...(member?.trusts === undefined ? {} : { EtcdTrusts: member.trusts }),
      ...(this.#clocks.aheadMinutes === undefined ? {} : { ClockAhead: this.#clocks.aheadMinutes }),
    };
  }
}
