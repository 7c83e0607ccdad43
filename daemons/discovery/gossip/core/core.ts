import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import type { Random } from "#base/env/random.ts";
import type { StreamMessage } from "../codec/message.ts";
import { MsgpackWriter } from "../codec/msgpack-writer.ts";
import type { Wire } from "../codec/wire.ts";
import type { GossipDelegate } from "../delegate.ts";
import type { GossipSettings } from "../presets.ts";
import { Awareness } from "./awareness.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import type { Output } from "./exchange.ts";
import { MemberTable, type MemberRecord } from "./member-table.ts";
import { Timers, type Timer } from "./timers.ts";

export interface CoreOptions {
  readonly name: string;
  /** Announced to the others: 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly settings: GossipSettings;
  readonly delegate: GossipDelegate;
  readonly delegateVersions: readonly [number, number, number];
  readonly wire: Wire;
  readonly random: Random;
  readonly log: Log;
}

/** Who waits for an answer to a ping. Registered until it answers or `timer` runs out. */
export interface AckWait {
  readonly onAck: (payload: Uint8Array) => void;
  readonly onNack: () => void;
  readonly timer: Timer;
}

export interface CallWait {
  readonly onAnswer: (message: StreamMessage | undefined) => void;
  readonly onFailed: (why: string) => void;
}

/** Lowest, highest and spoken version of the protocol (memberlist's; 2 is what every peer speaks). */
const PROTOCOL_VERSIONS = [1, 5, 2] as const;

/** The state of one node, which the mechanisms beside work on. */
export class Core {
  readonly options: CoreOptions;
  readonly name: string;
  readonly settings: GossipSettings;
  readonly delegate: GossipDelegate;
  readonly random: Random;
  readonly table: MemberTable;
  readonly queue = new BroadcastQueue();
  readonly timers = new Timers();
  readonly awareness: Awareness;
  readonly writer = new MsgpackWriter();
  readonly versions: Uint8Array;
  readonly acks = new Map<number, AckWait>();
  readonly calls = new Map<number, CallWait>();
  readonly dropped = new Map<string, number>();
  outputs: Output[] = [];
  /** Set with every input; fractional milliseconds of a clock that never goes backwards. */
  nowMs = 0;
  incarnation = 0;
  /** This node said that it leaves. */
  leaving = false;
  /** A round of gossip is planned. */
  roundPlanned = false;
  probing = false;
  probeMissed = false;
  readonly counts = { packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, refutations: 0, suspicions: 0 };
  #sequence = 0;
  #calls = 0;

  constructor(options: CoreOptions) {
    this.options = options;
    this.name = options.name;
    this.settings = options.settings;
    this.delegate = options.delegate;
    this.random = options.random;
    this.table = new MemberTable(options.random);
    this.awareness = new Awareness(options.settings.awarenessMax);
    this.versions = Uint8Array.of(...PROTOCOL_VERSIONS, ...options.delegateVersions);
  }

  get self(): MemberRecord | undefined {
    return this.table.get(this.name);
  }

  /** Runs `run` when `delayMs` have passed. */
  after(delayMs: number, run: () => void): Timer {
    return this.timers.at(this.nowMs + delayMs, run);
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  nextCall(): number {
    this.#calls += 1;
    return this.#calls;
  }

  drop(why: string): void {
    this.dropped.set(why, (this.dropped.get(why) ?? 0) + 1);
  }

  /** Calls the layer above; what it throws is its fault alone. */
  consult<T>(call: () => T, otherwise: T): T {
    try {
      return call();
    } catch (thrown) {
      this.drop("delegate threw");
      this.options.log.error("the layer above gossip failed", { error: messageOf(thrown) });
      return otherwise;
    }
  }
}
