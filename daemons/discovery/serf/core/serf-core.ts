import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { GossipDelegate, MemberEvent } from "../../gossip/delegate.ts";
import type { GossipMember } from "../../gossip/member.ts";
import {
  decodeBody,
  decodeMessage,
  encodeMessage,
  MESSAGE,
  PushPullSchema,
  type RelayTarget,
  type SerfMessage,
} from "../wire/messages.ts";
import { Broadcasts } from "./broadcasts.ts";
import { ConflictVote, CONFLICT_QUERY } from "./conflict.ts";
import { decodeCoordinate, distance, encodeCoordinate, type Coordinate } from "./coordinate.ts";
import type { SerfPorts } from "./core-ports.ts";
import { InternalQueries } from "./internal-queries.ts";
import type { Keys } from "./key-queries.ts";
import { LamportClock } from "./lamport-clock.ts";
import { MAX_COORDINATES } from "./limits.ts";
import type { MemberChange, SerfMember } from "./member.ts";
import { Members, type IntentOutcome } from "./members.ts";
import type { OpenQuery, QueryListener } from "./open-query.ts";
import { encodeQuery, Queries, type AskedQuery } from "./queries.ts";
import { spread, type SerfSettings } from "./settings.ts";
import { encodeTags, type Tags } from "./tags.ts";
import { UserEvents, type FiredEvent } from "./user-events.ts";
import { Vivaldi } from "./vivaldi.ts";

export interface SerfCoreOptions {
  readonly name: string;
  readonly tags: Tags;
  readonly settings: SerfSettings;
  readonly ports: SerfPorts;
  /** Undefined: nothing is encrypted. */
  readonly keys: Keys | undefined;
  readonly onKeysChanged: () => void;
}

/**
 * Serf above gossip, without sockets, timers or files of its own: what gossip tells goes in, events and messages come
 * out through the ports. `tick` is to be called at `dueMs`.
 */
export class SerfCore implements GossipDelegate {
  readonly name: string;
  readonly clock = new LamportClock();
  readonly members = new Members();
  readonly events: UserEvents;
  readonly queries: Queries;
  readonly broadcasts = new Broadcasts();
  readonly vivaldi: Vivaldi;
  /** Of the others, as they said last. */
  readonly coordinates = new Map<string, Coordinate>();
  /** Set while this node goes: it does not object to its own leaving then. */
  leaving = false;
  /** While joining: old events are not wanted. */
  skipOldEvents = false;
  #tags: Tags;
  #settling = false;
  readonly #ports: SerfPorts;
  readonly #settings: SerfSettings;
  readonly #internal: InternalQueries;

  constructor({ name, tags, settings, ports, keys, onKeysChanged }: SerfCoreOptions) {
    this.name = name;
    this.#tags = tags;
    this.#ports = ports;
    this.#settings = settings;
    this.vivaldi = new Vivaldi(ports.random);
    this.events = new UserEvents(ports, settings);
    this.#internal = new InternalQueries({
      name,
      members: this.members,
      keys,
      onKeysChanged,
      answerLimit: settings.queryResponseBytes,
    });
    const queryPorts: SerfPorts = {
      ...ports,
      emit: (event) => {
        if (event.kind !== "query" || !this.#internal.take(event)) ports.emit(event);
      },
    };
    this.queries = new Queries(queryPorts, settings, {
      self: () => this.self(),
      tags: () => this.#tags,
      members: () => this.members.alive(),
    });
    // Lamport times start at 1: 0 is "nothing yet" in full exchanges.
    for (const clock of [this.clock, this.events.clock, this.queries.clock]) clock.increment();
  }

  get tags(): Tags {
    return this.#tags;
  }

  self(): SerfMember {
    const own = this.members.get(this.name);
    if (own !== undefined) return own;
    const nowhere = { address: new Uint8Array(4), host: "0.0.0.0", port: 0, versions: new Uint8Array(6) };
    return { ...nowhere, name: this.name, tags: this.#tags, status: "none" };
  }

  /** Failure `TAGS_LENGTH`. The caller lets gossip spread them. */
  setTags(tags: Tags): Result<void> {
    const encoded = encodeTags(tags);
    if (!encoded.ok) return encoded;
    this.#tags = tags;
    return succeed(undefined);
  }

  fire(event: FiredEvent): Result<{ readonly lTime: number }> {
    const fired = this.events.fire(event);
    if (!fired.ok) return fired;
    this.broadcasts.events.push(fired.value.message);
    this.#ports.kick();
    return succeed({ lTime: fired.value.lTime });
  }

  query(query: AskedQuery, listener: QueryListener): Result<OpenQuery> {
    const asked = this.queries.ask(query, listener);
    if (!asked.ok) return asked;
    this.broadcasts.queries.push(encodeQuery(asked.value.message));
    this.queries.take(asked.value.message);
    this.#ports.kick();
    return succeed(asked.value.open);
  }

  /** Says to everyone that this node is there of its own will. */
  announceJoin(): void {
    const body = { LTime: this.clock.increment(), Node: this.name };
    this.#apply(this.members.joinIntent(body, this.#ports.nowMs()));
    this.broadcasts.members.push(encodeMessage("join", body), { key: this.name });
    this.#ports.kick();
  }

  /** Says that `node` leaves; `done` when it was said often enough. */
  announceLeave(node: string, { prune, done }: { readonly prune: boolean; readonly done?: () => void }): void {
    const body = { LTime: this.clock.increment(), Node: node, Prune: prune };
    this.#apply(this.members.leaveIntent(body, this.#ports.nowMs()));
    if (this.members.alive().length <= 1) done?.();
    else
      this.broadcasts.members.push(
        encodeMessage("leave", body),
        done === undefined ? { key: node } : { key: node, done },
      );
    this.#ports.kick();
  }

  /** Failure `MEMBER_UNKNOWN`. */
  forceLeave(node: string, options: { readonly prune: boolean; readonly done?: () => void }): Result<void> {
    if (this.members.get(node) === undefined) {
      return fail("MEMBER_UNKNOWN", `No node found with name '${node}'`, "`lares members` lists them");
    }
    this.announceLeave(node, options);
    return succeed(undefined);
  }

  /** Estimated round trip, seconds; undefined where one of the two is not known. */
  distanceTo(node: string): number | undefined {
    const other = this.coordinateOf(node);
    return other === undefined ? undefined : distance(this.vivaldi.own, other);
  }

  coordinateOf(node: string): Coordinate | undefined {
    if (!this.#settings.coordinates) return undefined;
    return node === this.name ? this.vivaldi.own : this.coordinates.get(node);
  }

  /** Ends queries whose time is up. */
  tick(): void {
    this.queries.tick(this.#ports.nowMs());
  }

  get dueMs(): number | undefined {
    return this.queries.dueMs;
  }

  reap(): void {
    const { nowMs } = this.#ports;
    this.#tell(this.members.reap(nowMs(), this.#settings));
  }

  nodeMeta(): Uint8Array {
    const encoded = encodeTags(this.#tags);
    return encoded.ok ? encoded.value : new Uint8Array();
  }

  onUserMessage(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (!message.ok) this.#ports.note("message", message.error.message);
    else this.#take(message.value, bytes);
  }

  nextBroadcasts(overhead: number, limit: number): readonly Uint8Array[] {
    const times = this.#settings.retransmitMultiplier * spread(this.members.alive().length);
    return this.broadcasts.take({ overhead, limit, times });
  }

  localState(): Uint8Array {
    return encodeMessage("pushPull", {
      LTime: this.clock.time,
      StatusLTimes: this.members.statusTimes(),
      LeftMembers: this.members.leftNames(),
      EventLTime: this.events.clock.time,
      Events: this.events.remembered(),
      QueryLTime: this.queries.clock.time,
    });
  }

  mergeRemoteState(bytes: Uint8Array, join: boolean): void {
    if (bytes[0] !== MESSAGE.pushPull) return this.#ports.note("state", "a full exchange without Serf's state");
    const state = decodeBody(PushPullSchema, bytes);
    if (!state.ok) return this.#ports.note("state", state.error.message);
    const { LTime, QueryLTime, StatusLTimes, LeftMembers } = state.value;
    if (LTime > 0) this.clock.witness(LTime - 1);
    if (QueryLTime > 0) this.queries.clock.witness(QueryLTime - 1);
    const left = new Set(LeftMembers);
    // Those that left first: nobody should look alive for a moment who is gone.
    for (const Node of left) this.#leave({ LTime: StatusLTimes[Node] ?? 0, Node, Prune: false });
    for (const [Node, time] of Object.entries(StatusLTimes)) {
      if (!left.has(Node)) this.#join({ LTime: time, Node });
    }
    this.events.merge(state.value, join && this.skipOldEvents);
  }

  ackPayload(): Uint8Array {
    return this.#settings.coordinates ? encodeCoordinate(this.vivaldi.own) : new Uint8Array();
  }

  onPing(member: GossipMember, rttMs: number, payload: Uint8Array): void {
    if (!this.#settings.coordinates || payload.length === 0) return;
    const other = decodeCoordinate(payload);
    if (other === undefined || !this.vivaldi.observe(member.name, other, rttMs / 1000)) {
      this.#ports.note("coordinate", `of ${member.name} after ${rttMs} ms`);
    } else if (this.coordinates.has(member.name) || this.coordinates.size < MAX_COORDINATES) {
      this.coordinates.set(member.name, other);
    }
  }

  onMember({ kind, member }: MemberEvent): void {
    if (kind === "join") this.#tell(this.members.joined(member));
    else if (kind === "update") this.#tell(this.members.updated(member));
    else this.#tell(this.members.gone(member, this.#ports.nowMs()));
  }

  /** Who of two of one name stays is for the majority to say; the one who has the name asks. */
  onConflict(existing: GossipMember, other: GossipMember): void {
    this.#ports.note("conflict", `${other.host}:${other.port} claims the name of ${existing.name}`);
    if (existing.name !== this.name || this.#settling) return;
    const vote = new ConflictVote(this.self());
    const asked = this.query(
      { name: CONFLICT_QUERY, payload: Buffer.from(this.name) },
      {
        onResponse: (answer) => vote.add(answer),
        onDone: () => {
          this.#settling = false;
          if (vote.lost) this.#ports.onNameLost();
        },
      },
    );
    this.#settling = asked.ok;
  }

  #take(message: SerfMessage, bytes: Uint8Array): void {
    switch (message.kind) {
      case "leave":
        if (this.#leave(message.body)) this.#passOn(this.broadcasts.members, bytes);
        break;
      case "join":
        if (this.#join(message.body)) this.#passOn(this.broadcasts.members, bytes);
        break;
      case "userEvent":
        if (this.events.take(message.body)) this.#passOn(this.broadcasts.events, bytes);
        break;
      case "query":
        if (this.queries.take(message.body)) this.#passOn(this.broadcasts.queries, bytes);
        break;
      case "queryResponse":
        this.queries.takeAnswer(message.body);
        break;
      case "relay":
        this.#relay(message.to, message.message);
        break;
      default:
        message satisfies never;
    }
  }

  #passOn(queue: Broadcasts["members"], bytes: Uint8Array): void {
    queue.push(bytes);
    this.#ports.kick();
  }

  /** Only answers to queries are passed on, only to members: this node is nobody's way to strangers. */
  #relay({ address, port, name }: RelayTarget, message: Uint8Array): void {
    const target = this.members
      .alive()
      .find(
        (each) =>
          (name === "" || each.name === name) && each.port === port && Buffer.compare(each.address, address) === 0,
      );
    if (target === undefined || message[0] !== MESSAGE.queryResponse) {
      return this.#ports.note("relay", "to somebody who is no member, or of what is no answer");
    }
    this.#ports.send(target, message);
  }

  #leave(body: { readonly LTime: number; readonly Node: string; readonly Prune: boolean }): boolean {
    this.clock.witness(body.LTime);
    if (body.Node === this.name && !this.leaving) {
      const known = this.members.statusTimes()[this.name] ?? 0;
      if (body.LTime >= known) this.announceJoin();
      return false;
    }
    return this.#apply(this.members.leaveIntent(body, this.#ports.nowMs()));
  }

  #join(body: { readonly LTime: number; readonly Node: string }): boolean {
    this.clock.witness(body.LTime);
    return this.#apply(this.members.joinIntent(body, this.#ports.nowMs()));
  }

  #apply({ news, changes }: IntentOutcome): boolean {
    this.#tell(changes);
    return news;
  }

  #tell(changes: readonly MemberChange[]): void {
    for (const change of changes) {
      if (change.kind === "member-reap") {
        for (const { name } of change.members) {
          this.coordinates.delete(name);
          this.vivaldi.forget(name);
        }
      }
      this.#ports.emit(change);
    }
  }
}
