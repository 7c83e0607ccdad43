import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import { API_VERSION } from "#daemons/discovery/http/consul-deps.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import type { AgentGossip, Composition } from "./composition.ts";
import type { DataFolder } from "./data-folder.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { bridgeTag } from "./bridge-tag.ts";
import { nameListener } from "./taken-address.ts";

type Known = Pick<
  Composition,
  "config" | "env" | "addresses" | "folder" | "identity" | "nodeName" | "version" | "shutdown"
> & {
  /** It belongs to a cluster whose other nodes have certificates, too. */
  readonly isMember: boolean;
};

const KeyFileSchema = v.pipe(v.array(v.string()), v.minLength(1));

/**
 * Undefined where the node is alone: nobody can reach it and it is told of nobody, so it saves the memory. Everything of
 * gossip is loaded here only.
 */
export async function createAgentGossip(known: Known): Promise<AgentGossip | undefined> {
  const { config, env, addresses, folder, nodeName } = known;
  if (!takesPart(config, addresses.gossip, known.isMember)) return undefined;
  const [{ createGossip }, presets, { Serf }] = await Promise.all([
    import("#daemons/discovery/gossip/shell/create-gossip.ts"),
    import("#daemons/discovery/gossip/presets.ts"),
    import("#daemons/discovery/serf/shell/serf.ts"),
  ]);
  const { gossip } = config.discovery;
  const settings = {
    ...{ lan: presets.lanPreset, wan: presets.wanPreset, local: presets.localPreset }[gossip.profile ?? "lan"],
    // A node that was set up anew takes its name back soon, as with Consul.
    deadReclaimMs: 30_000,
  };
  const keyring = await loadKeyring(known);
  const serf = new Serf({
    env,
    name: nodeName,
    tags: tagsOf(known),
    settings: {
      reconnectTimeoutMs: gossip.reconnectTimeoutMs,
      tombstoneTimeoutMs: gossip.reconnectTimeoutMs,
      gossipIntervalMs: settings.gossipIntervalMs,
      retransmitMultiplier: settings.retransmitMultiplier,
    },
    gossip: (delegate) =>
      createGossip({
        env,
        name: nodeName,
        bind: { host: addresses.gossip, port: config.ports.gossip },
        advertise: advertised(config, addresses.advertise),
        settings,
        delegate,
        ...(keyring === undefined ? {} : { keyring }),
      }),
    snapshotPath: `${folder.discovery}/serf-snapshot`,
    rejoinAfterLeave: gossip.rejoinAfterLeave,
    defaultPort: config.ports.gossip,
    ...(keyring === undefined ? {} : { keyring, onKeysChanged: () => void keepKeyring(known, keyring) }),
  });
  const leave = async (): Promise<void> => {
    await serf.leave();
    known.shutdown?.();
  };
  return { serf, leave, start: (lifecycle) => start(known, { serf, leave }, lifecycle) };
}

/** On where it is of use: other machines reach the address, or it is told whom to join. */
function takesPart({ discovery, server, ports }: AgentConfig, host: string, isMember: boolean): boolean {
  if (ports.gossip === 0) return false;
  if (discovery.gossip.enabled !== null) return discovery.gossip.enabled;
  if (isMember) return true;
  const joins = [discovery.retryJoin, discovery.startJoin, server.serverJoin.retryJoin, server.serverJoin.startJoin];
  return joins.some((list) => list.length > 0) || !(host === "::1" || host.startsWith("127.") || host === "localhost");
}

async function start(known: Known, { serf, leave }: Pick<AgentGossip, "serf" | "leave">, lifecycle: Lifecycle) {
  const { env, config } = known;
  await serf.start().catch((thrown: unknown) => {
    throw nameListener(thrown, { name: "gossip", port: "gossip" });
  });
  const end = new AbortController();
  lifecycle.add("gossip", async () => {
    end.abort();
    await serf.stop();
  });
  serf.whenNameLost(() => {
    env.log.error("another member has this node's name, and most side with it: this agent stops", { name: serf.name });
    known.shutdown?.();
  });
  if (config.discovery.gossip.rpcAddress !== "") await startRpc(known, { serf, leave }, lifecycle);
  void joinOthers(known, serf, end.signal);
}

async function startRpc(known: Known, { serf, leave }: Pick<AgentGossip, "serf" | "leave">, lifecycle: Lifecycle) {
  const { env, config } = known;
  const { rpcAddress, rpcAuth } = config.discovery.gossip;
  const [{ RpcServer }, { splitHostPort }] = await Promise.all([
    import("#daemons/discovery/serf/rpc/rpc-server.ts"),
    import("#daemons/discovery/serf/shell/host-port.ts"),
  ]);
  const at = splitHostPort(rpcAddress, 7373);
  if (!at.ok) throw new CodedError("agent_config", `discovery.gossip.rpc_addr: ${at.error.message}`, at.error.hint);
  const rpc = new RpcServer(env.net, { serf, clock: env.clock, logFeed: env.logHub, authKey: rpcAuth, leave });
  await rpc.start(at.value);
  lifecycle.add("gossip's RPC", () => rpc.stop());
}

/** `start_join` once, `retry_join` until one answers, at most `retry_max` times (0: for ever). */
async function joinOthers({ config, env }: Known, serf: Serf, signal: AbortSignal): Promise<void> {
  const { discovery, server } = config;
  const once = [...discovery.startJoin, ...server.serverJoin.startJoin];
  const again = [...discovery.retryJoin, ...server.serverJoin.retryJoin];
  const mine = discovery.retryJoin.length > 0 ? discovery : server.serverJoin;
  for (let attempt = 1; !signal.aborted; attempt++) {
    const places = attempt === 1 ? [...once, ...again] : again;
    if (places.length === 0) return;
    const { joined, failures } = await serf.join(places);
    if (joined > 0) return env.log.info("joined the cluster", { members: joined });
    env.log.warn("cannot join the cluster", { attempt, error: failures[0]?.message ?? "" });
    if (again.length === 0 || (mine.retryMax > 0 && attempt > mine.retryMax)) return;
    await sleep(env.clock, mine.retryIntervalMs, signal);
  }
}

/** Those of a Consul server, and the ones of the configuration. */
function tagsOf({ config, identity, version, addresses, env }: Known): Readonly<Record<string, string>> {
  return {
    role: config.server.enabled ? "consul" : "node",
    dc: config.datacenter,
    segment: "",
    id: identity.nodeId,
    vsn: "2",
    vsn_min: "2",
    vsn_max: "3",
    build: API_VERSION,
    lares: version,
    region: config.region,
    ...(config.server.enabled ? { port: String(config.ports.rpc) } : {}),
    ...bridgeTag(config, addresses.advertise, env.net),
    ...config.discovery.gossip.tags,
  };
}

function advertised({ advertise, ports }: AgentConfig, otherwise: string): Address {
  if (advertise.gossip === "") return { host: otherwise, port: ports.gossip };
  const [, host = "", port = ""] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(advertise.gossip) ?? [];
  const bare = advertise.gossip.split(":").length > 2 && !advertise.gossip.startsWith("[");
  if (bare) return { host: advertise.gossip, port: ports.gossip };
  return { host, port: port === "" ? ports.gossip : Number(port) };
}

/** The keys of the last run win over `encrypt`, which only begins a keyring: keys are rotated while agents run. */
async function loadKeyring(known: Known): Promise<Keyring | undefined> {
  const { config, env } = known;
  const given = config.discovery.encrypt === "" ? config.server.encrypt : config.discovery.encrypt;
  const kept = await env.disk.read(keyFile(known));
  if (given === "" && kept === undefined) return undefined;
  const [primary, ...others] = (kept === undefined ? [given] : keysIn(textOf(kept), keyFile(known))).map(
    (key) => new Uint8Array(Buffer.from(key, "base64")),
  );
  const ring = Keyring.create(primary ?? new Uint8Array(), others);
  if (!ring.ok)
    throw new CodedError(
      "agent_config",
      `cannot encrypt gossip: ${ring.error.message}`,
      "encrypt takes a key that `lares keygen` makes",
    );
  if (kept === undefined) await keepKeyring(known, ring.value);
  return ring.value;
}

export function keysIn(text: string, path: string): readonly string[] {
  try {
    return v.parse(KeyFileSchema, JSON.parse(text));
  } catch (error) {
    throw new CodedError(
      "agent_config",
      `cannot read the gossip keys in ${path}: ${messageOf(error)}`,
      "remove the file to begin with encrypt again",
    );
  }
}

async function keepKeyring(known: Known, ring: Keyring): Promise<void> {
  const keys = ring.keys.map((key) => Buffer.from(key).toString("base64"));
  await known.env.disk
    .replace(keyFile(known), `${JSON.stringify(keys)}\n`, { mode: 0o600 })
    .catch((error: unknown) => known.env.log.error("cannot keep the gossip keys", { error: messageOf(error) }));
}

function keyFile({ folder }: Known): string {
  return gossipKeysPath(folder);
}

/** A JSON list of keys in base64, the one in use first. */
export function gossipKeysPath({ discovery }: Pick<DataFolder, "discovery">): string {
  return `${discovery}/gossip-keyring.json`;
}
