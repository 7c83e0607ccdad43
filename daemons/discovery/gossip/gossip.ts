import type { Env } from "#base/env/env.ts";
import type { Failure, Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import type { GossipDelegate } from "./delegate.ts";
import type { GossipMember } from "./member.ts";
import type { GossipSettings } from "./presets.ts";
import type { Keyring } from "./security/keyring.ts";

/** This node's part in a cluster of members that speak memberlist's protocol. Made by `createGossip`. */
export interface Gossip {
  /** Where datagrams and streams are taken, once started: the port is the same for both. */
  readonly address: Address;
  /** This node. */
  readonly local: GossipMember;
  /** Keys that may be added, used and removed while it runs; undefined when nothing is encrypted. */
  readonly keyring: Keyring | undefined;
  /** Binds the sockets. Rejects with the system's code when the address cannot be had. */
  start(): Promise<void>;
  /** Exchanges state with each of these; one answer is enough to be a member. */
  join(addresses: readonly Address[]): Promise<JoinOutcome>;
  /**
   * Tells the others that this node leaves by its own will; resolves when the word is out or after `timeoutMs`.
   * The sockets stay open (others may still ask) until `stop`.
   */
  leave(timeoutMs: number): Promise<Result<void>>;
  /** Asks the delegate for new metadata and spreads it; resolves when the word is out or after `timeoutMs`. */
  updateNode(timeoutMs: number): Promise<Result<void>>;
  /** One datagram to one member; may be lost. At most {@link MAX_USER_DATAGRAM} bytes. */
  sendBestEffort(to: GossipTarget, message: Uint8Array): Result<void>;
  /** Over a stream: resolves when the bytes were handed over, which does not say that they were handled. */
  sendReliable(to: GossipTarget, message: Uint8Array): Promise<Result<void>>;
  /** Probes one member now, outside of the rounds. */
  ping(to: GossipTarget): Promise<Result<{ readonly rttMs: number; readonly payload: Uint8Array }>>;
  /** Everyone who is not dead or left, this node included, in no order. */
  members(): readonly GossipMember[];
  /** One by name, in whatever state. */
  member(name: string): GossipMember | undefined;
  /** The delegate has new broadcasts: starts rounds of gossip, which otherwise run only while there is news. */
  kick(): void;
  /** 0 is well; up to 7, the more this node must doubt itself (awareness of the Lifeguard paper). */
  healthScore(): number;
  stats(): GossipStats;
  /** Closes sockets and timers. Without a `leave` before, the others will take this node for failed. */
  stop(): Promise<void>;
}

/** A member by name, or by the address and name it is known under. */
export type GossipTarget = string | (Address & { readonly name?: string });

export interface JoinOutcome {
  readonly joined: number;
  /** One per address that was of no use. */
  readonly failures: readonly Failure[];
}

export interface GossipStats {
  /** Datagrams and streams that were dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Messages waiting to be sent along. */
  readonly queued: number;
  readonly members: number;
  /** How often this node had to contradict that it is dead. */
  readonly refutations: number;
  /** How often it suspected another. */
  readonly suspicions: number;
}

export interface GossipOptions {
  readonly env: Env;
  /** Unique in the cluster, 1 to 255 bytes. */
  readonly name: string;
  /** Port 0 takes a free one (for both datagrams and streams). */
  readonly bind: Address;
  /** What the others should use; default the bound address. Must be an IP address. */
  readonly advertise?: Address;
  /** Default {@link lanPreset}. */
  readonly settings?: GossipSettings;
  readonly delegate: GossipDelegate;
  /** Without one nothing is encrypted. */
  readonly keyring?: Keyring;
  /** Encrypted or not, packets of other labels are dropped. Default none, at most 255 bytes. */
  readonly label?: string;
  /** Versions of the delegate's protocol: lowest, highest, spoken. Default 2, 5, 4 (Serf's). */
  readonly delegateVersions?: readonly [lowest: number, highest: number, spoken: number];
}

/** Longest message of `sendBestEffort`: what fits in a datagram whole, with room for what is wrapped around it. */
export const MAX_USER_DATAGRAM = 60_000;
