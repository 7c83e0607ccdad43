/** How often, how long, how many. Times in milliseconds. The names and figures are memberlist's (its `config.go`). */
export interface GossipSettings {
  /** For connecting, and for each exchange over a stream. */
  readonly streamTimeoutMs: number;
  /** Members asked to probe another one that did not answer. */
  readonly indirectProbes: number;
  /** News is sent along `retransmitMultiplier × ⌈log10(n + 1)⌉` times by each node. */
  readonly retransmitMultiplier: number;
  /** A suspect is declared dead after at least `suspicionMultiplier × max(1, log10 n) × probeIntervalMs`. */
  readonly suspicionMultiplier: number;
  /** The longest suspicion, in shortest ones; confirmations by others bring it down. 1 switches that off. */
  readonly suspicionMaxMultiplier: number;
  /** Between full exchanges with one member; grows with the cluster above 32 nodes. 0 never. */
  readonly pushPullIntervalMs: number;
  /** After so long without an answer others are asked to probe. */
  readonly probeTimeoutMs: number;
  /** One member is probed per interval. */
  readonly probeIntervalMs: number;
  /** Members that get news per round. */
  readonly gossipNodes: number;
  readonly gossipIntervalMs: number;
  /** For so long the dead are still told, so that one that is not dead can object; then they are forgotten. */
  readonly gossipToTheDeadMs: number;
  /** After so long a failed member's name may be taken from another address. 0 never. */
  readonly deadReclaimMs: number;
  /** The awareness score stays below this. 1 switches awareness off. */
  readonly awarenessMax: number;
  /** Whether failed probes are tried over a stream. */
  readonly streamProbes: boolean;
  /** Whether a suspect is told of it in the probe, and whether helpers say when they got no answer (Lifeguard's). */
  readonly buddy: boolean;
  readonly nacks: boolean;
  /** Datagrams are filled up to this many bytes. */
  readonly datagramBytes: number;
  /** Whether packets are compressed where that makes them smaller. */
  readonly compress: boolean;
  /** Whether plain or foreign packets are refused, and whether own ones are encrypted: for moving to encryption. */
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
}

/** For nodes in one building. */
export const lanPreset: GossipSettings = {
  streamTimeoutMs: 10_000,
  indirectProbes: 3,
  retransmitMultiplier: 4,
  suspicionMultiplier: 4,
  suspicionMaxMultiplier: 6,
  pushPullIntervalMs: 30_000,
  probeTimeoutMs: 500,
  probeIntervalMs: 1000,
  gossipNodes: 3,
  gossipIntervalMs: 200,
  gossipToTheDeadMs: 30_000,
  deadReclaimMs: 0,
  awarenessMax: 8,
  streamProbes: true,
  buddy: true,
  nacks: true,
  datagramBytes: 1400,
  compress: true,
  verifyIncoming: true,
  verifyOutgoing: true,
};

/** For nodes that are far apart. */
export const wanPreset: GossipSettings = {
  ...lanPreset,
  streamTimeoutMs: 30_000,
  suspicionMultiplier: 6,
  pushPullIntervalMs: 60_000,
  probeTimeoutMs: 3000,
  probeIntervalMs: 5000,
  gossipNodes: 4,
  gossipIntervalMs: 500,
  gossipToTheDeadMs: 60_000,
};

/** For nodes on one machine. */
export const localPreset: GossipSettings = {
  ...lanPreset,
  streamTimeoutMs: 1000,
  indirectProbes: 1,
  retransmitMultiplier: 2,
  suspicionMultiplier: 3,
  pushPullIntervalMs: 15_000,
  probeTimeoutMs: 200,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
};

/** SWIM without Lifeguard: for comparison in the simulator. */
export function withoutLifeguard(settings: GossipSettings): GossipSettings {
  return { ...settings, suspicionMaxMultiplier: 1, awarenessMax: 1, buddy: false, nacks: false };
}
