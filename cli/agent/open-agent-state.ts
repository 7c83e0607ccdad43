import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import type { NodeIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import type { Addresses } from "./addresses.ts";
import { NO_MAJORITY, readEngineFile, type EngineFile, type EtcdEngine } from "./cluster/engine-file.ts";
import type { EtcdPlace } from "./cluster/open-etcd-state.ts";
import type { OwnMember } from "./cluster/own-member.ts";
import type { ClusterServers, ClusterServersDeps } from "./cluster/servers.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { DataFolder } from "./data-folder.ts";
import { followState, openState, type State } from "./open-state.ts";

/** Then the server goes on as a node that is none. */
const MAJORITY_MS = 8000;

export interface OpenedState {
  readonly state: State;
  /** Undefined: an etcd that somebody else runs. */
  readonly engine: EngineFile | undefined;
  /** The etcd member that this server looks after, if it does. */
  readonly member: OwnMember | undefined;
  /** Undefined: this server has the state to itself. */
  readonly joinCluster: ((deps: Omit<ClusterServersDeps, "etcd">) => Promise<ClusterServers>) | undefined;
}

interface Where {
  readonly folder: DataFolder;
  readonly identity: NodeIdentity;
  readonly addresses: Addresses;
  readonly nodeName: string;
}

/** The state where it is kept. Everything of a cluster is loaded only where there is one. */
export async function openAgentState(options: AgentOptions, where: Where): Promise<OpenedState> {
  const { config, env } = options;
  if (config.state.etcd.endpoints.length > 0) return openShared(options, where);
  const engine = await readEngineFile(env.disk, where.folder.state);
  if (engine.engine === "joining") throw standsBy(where.folder.state);
  if (engine.engine === "etcd") return openOwn(options, where, engine);
  const folder = engine.folder === "" ? where.folder.state : `${where.folder.state}/${engine.folder}`;
  const state = await openState(folder, env, engine.indexOffset);
  return { state, engine, member: undefined, joinCluster: undefined };
}

function standsBy(folder: string): CodedError {
  return new CodedError(
    "stands_by",
    `${folder} is that of a server that joined a cluster, and has no state yet`,
    "start its agent, which gets it from the other servers",
  );
}

async function openShared(options: AgentOptions, { identity }: Where): Promise<OpenedState> {
  const { config, env } = options;
  const { etcdFiles } = await import("./cluster/etcd-files.ts");
  const tls = etcdFiles(config.state.etcd, () => env.clock.nowMs());
  const opened = await openOn(options, { endpoints: config.state.etcd.endpoints, tls, writer: identity.nodeId });
  env.log.info("the state is in etcd", { endpoints: config.state.etcd.endpoints.join(" ") });
  return { ...opened, engine: undefined, member: undefined };
}

async function openOwn(
  options: AgentOptions,
  { folder, identity, addresses, nodeName }: Where,
  engine: EtcdEngine,
): Promise<OpenedState> {
  const { config, env, carried } = options;
  const [{ startOwnMember }, { certifyAddress }] = await Promise.all([
    import("./cluster/own-member.ts"),
    import("./internal/renew-now.ts"),
  ]);
  if (carried?.member === undefined) await certifyAddress({ env, config, addresses, folder, nodeName });
  const member =
    carried?.member ?? (await startOwnMember({ env, config, addresses, folder, nodeId: identity.nodeId }, engine));
  if (carried !== undefined) carried.member = undefined;
  // Only a member of a cluster can go on as another kind of node.
  if (carried !== undefined && (member.tls?.peersName ?? "") !== "") {
    const patience = new AbortController();
    const isReady = await Promise.race([
      member.ready.then(() => true),
      sleep(env.clock, MAJORITY_MS, patience.signal).then(() => false),
    ]).finally(() => patience.abort());
    if (!isReady) {
      carried.member = member;
      throw new CodedError(NO_MAJORITY, "most of the servers that hold the state are not there yet");
    }
  }
  try {
    await member.ready;
    const endpoints = [member.clientUrl, ...engine.members.filter((url) => url !== member.clientUrl)];
    const opened = await openOn(options, { endpoints, tls: member.tls?.pem, writer: identity.nodeId });
    const { state } = opened;
    const close = async (): Promise<void> => {
      await state.close();
      // The others need it, whatever this server missed.
      if (opened.isBehind() && carried !== undefined) carried.member = member;
      else await member.stop();
    };
    return { ...opened, state: { ...state, close }, engine, member };
  } catch (thrown) {
    await member.stop();
    throw thrown;
  }
}

interface Opened extends Pick<OpenedState, "state" | "joinCluster"> {
  /** It starts anew because it missed something. */
  readonly isBehind: () => boolean;
}

async function openOn({ env, restart, shutdown }: AgentOptions, at: EtcdPlace): Promise<Opened> {
  const [{ openEtcdState }, { ClusterServers }] = await Promise.all([
    import("./cluster/open-etcd-state.ts"),
    import("./cluster/servers.ts"),
  ]);
  const etcd = await openEtcdState(env, at);
  let isBehind = false;
  // What it missed is no longer told: with a fresh start it reads the whole state again.
  const state = await followState(etcd.store, env, () => {
    isBehind = true;
    env.log.error("this server was out of touch for so long that it starts again, and reads the whole state anew");
    (restart ?? shutdown)?.();
  });
  const joinCluster: OpenedState["joinCluster"] = (deps) => Promise.resolve(new ClusterServers({ ...deps, etcd }));
  return { state, joinCluster, isBehind: () => isBehind };
}
