import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import type { Timer } from "#base/env/clock.ts";
import type { Address } from "#base/env/net.ts";
import type { GossipDelegate } from "../../gossip/delegate.ts";
import type { Gossip, JoinOutcome } from "../../gossip/gossip.ts";
import type { Keyring } from "../../gossip/security/keyring.ts";
import type { SerfEvent } from "../core/core-ports.ts";
import type { Coordinate } from "../core/coordinate.ts";
import {
  keyQueryName,
  KeyTally,
  encodeKeyRequest,
  parseKey,
  type KeyReport,
  type KeyVerb,
} from "../core/key-queries.ts";
import type { SerfMember } from "../core/member.ts";
import type { OpenQuery, QueryListener } from "../core/open-query.ts";
import type { AskedQuery } from "../core/queries.ts";
import { SerfCore } from "../core/serf-core.ts";
import { serfDefaults, type SerfSettings } from "../core/settings.ts";
import type { Tags } from "../core/tags.ts";
import type { FiredEvent } from "../core/user-events.ts";
import { splitHostPort } from "./host-port.ts";
import { SnapshotFile } from "./snapshot-file.ts";

export interface SerfOptions {
  readonly env: Env;
  readonly name: string;
  readonly tags: Tags;
  /** Default {@link serfDefaults}. */
  readonly settings?: Partial<SerfSettings>;
  /** Undefined: nothing is encrypted. */
  readonly keyring?: Keyring;
  /** The part below, made for the delegate that it is handed. */
  readonly gossip: (delegate: GossipDelegate) => Gossip;
  /** File that remembers members and clocks over restarts; undefined: none is kept. */
  readonly snapshotPath?: string;
  /** A node that left of its own will goes back to those it knew. Default false. */
  readonly rejoinAfterLeave?: boolean;
  /** The port of addresses without one. Default 7946. */
  readonly defaultPort?: number;
  /** After a leave, so long until the others had time to hear of it. Default 1000. */
  readonly leavePropagateMs?: number;
  /** Keys were installed, used or removed: to be kept over restarts. */
  readonly onKeysChanged?: (keyring: Keyring) => void;
}

export interface SerfStats {
  readonly members: number;
  readonly failed: number;
  readonly left: number;
  readonly memberTime: number;
  readonly eventTime: number;
  readonly queryTime: number;
  readonly intentQueue: number;
  readonly eventQueue: number;
  readonly queryQueue: number;
  readonly coordinateResets: number;
  readonly healthScore: number;
  readonly encrypted: boolean;
  /** Bad input that was dropped, by kind. */
  readonly dropped: Readonly<Record<string, number>>;
}

const REAP_MS = 15_000;
const RECONNECT_MS = 30_000;
const CLOCKS_MS = 5000;
const BROADCAST_MS = 5000;
/** Members of the last run that are tried at a start. */
const MAX_REJOIN = 32;

/** This node in a Serf cluster: membership, events, queries, keys. Owns the timers and the snapshot file. */
export class Serf {
  readonly core: SerfCore;
  readonly gossip: Gossip;
  #state: "new" | "alive" | "leaving" | "left" | "stopped" = "new";
  readonly #options: SerfOptions;
  readonly #env: Env;
  readonly #handlers = new Set<(event: SerfEvent) => void>();
  readonly #timers = new Map<string, Timer>();
  readonly #dropped = new Map<string, number>();
  readonly #snapshot: SnapshotFile | undefined;
  #onNameLost: () => void = () => {};

  constructor(options: SerfOptions) {
    this.#options = options;
    const { env, name, tags, keyring } = options;
    this.#env = { ...env, log: env.log.child("serf") };
    this.core = new SerfCore({
      name,
      tags,
      settings: { ...serfDefaults, ...options.settings },
      keys: keyring,
      onKeysChanged: () => keyring !== undefined && options.onKeysChanged?.(keyring),
      ports: {
        random: env.random,
        nowMs: () => env.clock.monotonicMs(),
        send: ({ address, port, name: to }, message) => this.#send({ address, port, name: to }, message),
        kick: () => this.gossip.kick(),
        emit: (event) => this.#emit(event),
        note: (reason, detail) => this.#note(reason, detail),
        onNameLost: () => this.#onNameLost(),
      },
    });
    this.gossip = options.gossip(this.core);
    this.#snapshot = this.#makeSnapshot();
  }

  get state(): "new" | "alive" | "leaving" | "left" | "stopped" {
    return this.#state;
  }

  get name(): string {
    return this.core.name;
  }

  get encrypted(): boolean {
    return this.#options.keyring !== undefined;
  }

  /** Called for each event from now on; what it returns ends it. */
  subscribe(handler: (event: SerfEvent) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** When most members side with another node of this name: the agent should stop. */
  whenNameLost(handler: () => void): void {
    this.#onNameLost = handler;
  }

  /** Binds, and goes back to the members it knew. Rejects when the address cannot be had. */
  async start(): Promise<void> {
    const remembered = await this.#snapshot?.open();
    if (remembered !== undefined) {
      this.core.clock.witness(remembered.clock);
      this.core.events.clock.witness(remembered.eventClock);
      this.core.queries.clock.witness(remembered.queryClock);
      this.core.events.minTime = remembered.eventClock + 1;
      this.core.queries.minTime = remembered.queryClock + 1;
    }
    await this.gossip.start();
    this.#state = "alive";
    this.core.announceJoin();
    this.#every("reap", REAP_MS, () => this.core.reap());
    this.#every("reconnect", RECONNECT_MS, () => this.#reconnect());
    if (this.#snapshot !== undefined) this.#every("clocks", CLOCKS_MS, () => this.#snapshot?.noteClocks());
    const known = [...(remembered?.alive ?? [])].filter(([name]) => name !== this.name).slice(0, MAX_REJOIN);
    if (known.length > 0) void this.join(known.map(([, address]) => address));
  }

  members(): SerfMember[] {
    return this.core.members.all();
  }

  /** One answer is enough. With `replay` also events from before are told. */
  async join(places: readonly string[], { replay = false } = {}): Promise<JoinOutcome> {
    if (this.#state !== "alive") return { joined: 0, failures: [failureOf("SERF_STATE", "this node is leaving")] };
    const addresses: Address[] = [];
    const failures: Failure[] = [];
    for (const place of places) {
      const address = splitHostPort(place, this.#options.defaultPort ?? 7946);
      if (address.ok) addresses.push(address.value);
      else failures.push(address.error);
    }
    this.core.skipOldEvents = !replay;
    const outcome = await this.gossip.join(addresses).finally(() => (this.core.skipOldEvents = false));
    if (outcome.joined > 0) this.core.announceJoin();
    return { joined: outcome.joined, failures: [...failures, ...outcome.failures] };
  }

  /** Tells the others, so that nobody takes this node for failed. `stop` is still to be called. */
  async leave(): Promise<void> {
    if (this.#state !== "alive") return;
    this.#state = "leaving";
    this.core.leaving = true;
    this.#snapshot?.noteLeave();
    await this.#spread((done) => this.core.announceLeave(this.name, { prune: false, done }));
    const left = await this.gossip.leave(BROADCAST_MS);
    if (!left.ok) this.#env.log.warn("not everyone heard that this node leaves", { error: left.error.message });
    const others = this.core.members.alive().length > 1;
    if (others) await this.#wait(this.#options.leavePropagateMs ?? 1000);
    this.#state = "left";
  }

  /** A failed member is taken for one that left; `prune` forgets it too. */
  async forceLeave(node: string, prune = false): Promise<Result<void>> {
    if (this.core.members.get(node) === undefined) return this.core.forceLeave(node, { prune });
    await this.#spread((done) => this.core.forceLeave(node, { prune, done }));
    return succeed(undefined);
  }

  fire(event: FiredEvent): Result<{ readonly lTime: number }> {
    return this.core.fire(event);
  }

  query(query: AskedQuery, listener: QueryListener): Result<OpenQuery> {
    const open = this.core.query(query, listener);
    this.#schedule();
    return open;
  }

  async setTags(tags: Tags): Promise<Result<void>> {
    const set = this.core.setTags(tags);
    return set.ok ? this.gossip.updateNode(BROADCAST_MS) : set;
  }

  /** Asks every member; resolves when all answered or the time of the query is up. Failures: of the key, of the query. */
  keys(verb: KeyVerb, key = "", relayFactor = 0): Promise<Result<KeyReport>> {
    const parsed = verb === "list" ? undefined : parseKey(key);
    if (parsed?.ok === false) return Promise.resolve(parsed);
    if (!this.encrypted) return Promise.resolve(fail("KEYRING_NONE", "no keyring: gossip is not encrypted here"));
    const tally = new KeyTally();
    const nodes = this.core.members.alive().length;
    const payload = encodeKeyRequest(parsed?.value);
    return new Promise((resolve) => {
      const finish = (): void => resolve(succeed(tally.report(nodes)));
      const open = this.query(
        { name: keyQueryName(verb), payload, relayFactor },
        {
          onResponse: (answer) => {
            tally.add(answer);
            if (tally.responses >= nodes) finish();
          },
          onDone: finish,
        },
      );
      if (!open.ok) resolve(open);
    });
  }

  coordinateOf(node: string): Coordinate | undefined {
    return this.core.coordinateOf(node);
  }

  stats(): SerfStats {
    const members = this.members();
    const { broadcasts, clock, events, queries, vivaldi } = this.core;
    return {
      members: members.length,
      failed: members.filter((each) => each.status === "failed").length,
      left: members.filter((each) => each.status === "left").length,
      memberTime: clock.time,
      eventTime: events.clock.time,
      queryTime: queries.clock.time,
      intentQueue: broadcasts.members.size,
      eventQueue: broadcasts.events.size,
      queryQueue: broadcasts.queries.size,
      coordinateResets: vivaldi.resets,
      healthScore: this.gossip.healthScore(),
      encrypted: this.encrypted,
      dropped: Object.fromEntries(this.#dropped),
    };
  }

  async stop(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.core.queries.closeAll();
    this.core.broadcasts.clear();
    this.#handlers.clear();
    await this.gossip.stop();
    await this.#snapshot?.close();
  }

  #makeSnapshot(): SnapshotFile | undefined {
    const { snapshotPath: path, rejoinAfterLeave = false } = this.#options;
    if (path === undefined) return undefined;
    return new SnapshotFile({
      disk: this.#env.disk,
      log: this.#env.log,
      path,
      rejoinAfterLeave,
      // The newest that was seen, as Serf writes them.
      clocks: () => ({
        clock: this.core.clock.time - 1,
        eventClock: this.core.events.clock.time - 1,
        queryClock: this.core.queries.clock.time - 1,
      }),
    });
  }

  #send(to: { readonly address: Uint8Array; readonly port: number; readonly name: string }, message: Uint8Array): void {
    // To itself too: what a node asks it answers like the others.
    if (to.name === this.name) return this.core.onUserMessage(message);
    const host = hostOf(to.address);
    if (host === undefined) return this.#note("address", "an answer to nowhere");
    const sent = this.gossip.sendBestEffort(
      { host, port: to.port, ...(to.name === "" ? {} : { name: to.name }) },
      message,
    );
    if (!sent.ok) this.#note("send", sent.error.message);
  }

  #emit(event: SerfEvent): void {
    if (event.kind === "user" || event.kind === "query")
      this.#env.log.debug(`${event.kind} event`, { name: event.name });
    else
      for (const member of event.members) this.#env.log.info(event.kind, { member: member.name, address: member.host });
    this.#snapshot?.note(event);
    for (const handler of this.#handlers) handler(event);
  }

  #note(reason: string, detail: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
    this.#env.log.debug(`dropped: ${reason}`, { detail });
  }

  #reconnect(): void {
    const member = this.core.members.toReconnect(this.#env.random);
    if (member !== undefined) void this.gossip.join([{ host: member.host, port: member.port }]);
  }

  /** Resolves when what `begin` queued was spread, at most {@link BROADCAST_MS}. */
  #spread(begin: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#env.clock.after(BROADCAST_MS, resolve);
      begin(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#env.clock.after(ms, resolve));
  }

  #every(name: string, ms: number, run: () => void): void {
    const timer = this.#env.clock.after(ms, () => {
      run();
      if (this.#state !== "stopped") this.#every(name, ms, run);
    });
    this.#timers.set(name, timer);
  }

  #schedule(): void {
    this.#timers.get("queries")?.cancel();
    const due = this.core.dueMs;
    if (due === undefined || this.#state === "stopped") return;
    const wait = Math.max(0, due - this.#env.clock.monotonicMs()) + 1;
    this.#timers.set(
      "queries",
      this.#env.clock.after(wait, () => {
        this.core.tick();
        this.#schedule();
      }),
    );
  }
}

function failureOf(code: string, message: string): Failure {
  return { code, message };
}

/** Undefined for what is no address. */
function hostOf(address: Uint8Array): string | undefined {
  if (address.length === 4) return address.join(".");
  if (address.length !== 16) return undefined;
  if (address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff)
    return address.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((address[2 * at] ?? 0) << 8) | (address[2 * at + 1] ?? 0)).toString(16),
  );
  return groups.join(":");
}
