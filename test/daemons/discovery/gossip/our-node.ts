import { textOf, utf8 } from "#base/env/bytes.ts";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { GossipDelegate } from "#daemons/discovery/gossip/delegate.ts";
import type { Gossip, GossipOptions } from "#daemons/discovery/gossip/gossip.ts";
import { localPreset, type GossipSettings } from "#daemons/discovery/gossip/presets.ts";
import { createGossip } from "#daemons/discovery/gossip/shell/create-gossip.ts";

/** As the Go program's. */
export const quickSettings: GossipSettings = {
  ...localPreset,
  probeIntervalMs: 400,
  probeTimeoutMs: 200,
  gossipIntervalMs: 50,
  pushPullIntervalMs: 2000,
  // A busy machine must not look like a failure.
  suspicionMultiplier: 8,
  streamTimeoutMs: 5000,
};

export interface OurNode {
  readonly gossip: Gossip;
  /** `join go1`, `message hello`, … */
  readonly events: string[];
  /** Sent along until the list is empty. */
  readonly outgoing: Uint8Array[];
  meta: string;
}

/** A node of ours on loopback that writes down what it is told. */
export async function startOurNode(
  name: string,
  options: Partial<Pick<GossipOptions, "bind" | "keyring" | "label" | "settings">> & { readonly meta?: string } = {},
): Promise<OurNode> {
  const { meta = "", ...rest } = options;
  const events: string[] = [];
  const outgoing: Uint8Array[] = [];
  const env = { ...createEnv({}), log: silentLog };
  const gossip = createGossip({
    env,
    name,
    bind: { host: "127.0.0.1", port: 0 },
    settings: quickSettings,
    ...rest,
    delegate: writesDown(name, { events, outgoing, meta: () => node.meta }),
  });
  const node: OurNode = { gossip, events, outgoing, meta };
  await gossip.start();
  return node;
}

function writesDown(
  name: string,
  { events, outgoing, meta }: { events: string[]; outgoing: Uint8Array[]; meta: () => string },
): GossipDelegate {
  return {
    nodeMeta: () => utf8(meta()),
    onUserMessage: (message) => void events.push(`message ${textOf(message)}`),
    nextBroadcasts: () => outgoing.splice(0),
    localState: () => utf8(`state of ${name}`),
    mergeRemoteState: (state, join) => void events.push(`${join ? "joined" : "synced"} ${textOf(state)}`),
    ackPayload: () => utf8(`payload of ${name}`),
    onPing: (member, rttMs, payload) => {
      if (rttMs >= 0) events.push(`ping ${member.name} ${textOf(payload)}`);
    },
    onMember: ({ kind, member }) => void events.push(`${kind} ${member.name} ${member.state}`),
    onConflict: (_existing, other) => void events.push(`conflict ${other.name}`),
  };
}

/** The delegate of a node that nobody stands above. */
export const quietDelegate: GossipDelegate = {
  nodeMeta: () => new Uint8Array(0),
  onUserMessage: () => {},
  nextBroadcasts: () => [],
  localState: () => new Uint8Array(0),
  mergeRemoteState: () => {},
  ackPayload: () => new Uint8Array(0),
  onPing: () => {},
  onMember: () => {},
  onConflict: () => {},
};
