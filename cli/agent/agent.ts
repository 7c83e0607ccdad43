import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { CodedError } from "#base/env/errors.ts";
import { releaseMemoryWhenIdle } from "#base/platform/idle-memory.ts";
import { createDiscovery } from "#daemons/discovery/create-discovery.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { Agent, Composition } from "./composition.ts";
import { addressesOf } from "./addresses.ts";
import { openAuditLog } from "./audit/audit-log.ts";
import { EXPELLED, NO_MAJORITY, readEngineFile, writeEngineFile } from "./cluster/engine-file.ts";
import { openDataFolder } from "./data-folder.ts";
import { createDiskReader } from "./internal/alloc-disks.ts";
import { createMembership } from "./internal/server-side.ts";
import { requireOnlyOne } from "./internal/require-only-one.ts";
import { writeFirstConfiguration } from "./first-configuration.ts";
import { createAgentGossip } from "./gossip.ts";
import { Lifecycle } from "./lifecycle.ts";
import { serverSettings } from "./server-settings.ts";
import { createClient, discoveryConfig, forTasks } from "./parts.ts";
import { createAgentApis, serve } from "./serve.ts";
import { openKeyring } from "./open-keyring.ts";
import { keepShapes } from "./keep-shapes.ts";
import { openAgentState } from "./open-agent-state.ts";
import { aclSettings } from "./security-settings.ts";
import { createSaving } from "./backups.ts";
import { createFirmwareParts } from "./firmware/rollout.ts";
import { watchMachine } from "./firmware/watch-machine.ts";
import { AgentStateKeeper } from "./state-keeper.ts";

/** Starts every part of an agent in one process. When a part cannot start, those before it are stopped again. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  await requireOnlyOne(options);
  if (!options.config.server.enabled || (await standsBy(options))) return startFollower(options);
  try {
    return await startServer(options);
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    const { env, config } = options;
    if (thrown.code === EXPELLED)
      await writeEngineFile(env.disk, (await openDataFolder(env.disk, config)).state, { engine: "joining" });
    else if (thrown.code !== NO_MAJORITY) throw thrown;
    env.log.error(thrown.message, { until: "then this server goes on as a node that is none" });
    return startFollower(options);
  }
}

async function startFollower(options: AgentOptions): Promise<Agent> {
  const { startClientNode } = await import("./internal/client-node.ts");
  return within(options, (lifecycle) => startClientNode(options, lifecycle));
}

async function startServer(options: AgentOptions): Promise<Agent> {
  const { env } = options;
  return within(options, async (lifecycle) => {
    const composition = await compose(options, lifecycle);
    const audit = await openAuditLog(env, options.config, composition.folder.root);
    if (audit !== undefined) lifecycle.add("the audit log", () => audit.close());
    const apis = createAgentApis(composition, audit);
    lifecycle.add("blocking queries", () => apis.close());
    const renewTls = await serve(composition, apis, lifecycle);
    await watchMachine(composition, lifecycle);
    return {
      addresses: composition.addresses,
      leave: async () => composition.gossip?.serf.leave(),
      stop: () => lifecycle.stop(),
      reload: async () => {
        await renewTls();
        await composition.discovery.agent.reload();
      },
      reopenFiles: () => audit?.reopen(),
    };
  });
}

async function within({ env }: AgentOptions, start: (lifecycle: Lifecycle) => Promise<Agent>): Promise<Agent> {
  const lifecycle = new Lifecycle(env.log);
  lifecycle.add("the memory keeper", releaseMemoryWhenIdle());
  try {
    return await start(lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

/** A server that joined and has no state yet follows the others like a node that is none. */
async function standsBy({ config, env }: AgentOptions): Promise<boolean> {
  if (config.state.etcd.endpoints.length > 0) return false;
  const { state } = await openDataFolder(env.disk, config);
  return (await readEngineFile(env.disk, state)).engine === "joining";
}

async function compose(options: AgentOptions, lifecycle: Lifecycle): Promise<Composition> {
  const { config, env } = options;
  const addresses = addressesOf(config, env.net);
  const folder = await openDataFolder(env.disk, config);
  const identity = await loadIdentity(env, folder.client);
  const nodeName = config.name === "" ? env.net.hostname() : config.name;
  const opened = await openAgentState(options, { folder, identity, addresses, nodeName });
  const { state, joinCluster } = opened;
  lifecycle.add("the state store", () => state.close());
  const stateKeeper = new AgentStateKeeper({ ...options, addresses, folder, identity, ...opened });
  lifecycle.add("the move of the state", () => stateKeeper.finish());
  const { store, view } = state;
  const keyring = await openKeyring({ config, env, folder, state }, lifecycle);
  const own: Composition["own"] = {};
  const cluster = await joinCluster?.({ ...options, ...opened, addresses, folder, identity, nodeName, own });
  stateKeeper.cluster = cluster;
  const membership = createMembership({ ...options, addresses, folder, identity, nodeName, state, cluster }, keyring);
  const isMember = membership.identity !== undefined;
  const discovery = createDiscovery({
    env,
    store,
    view,
    config: discoveryConfig(options, { addresses, folder, identity, nodeName }),
    ...(cluster === undefined ? {} : { fence: () => cluster.fence() }),
  });
  await writeFirstConfiguration(store, view, config);
  const server = createSchedulerServer({
    readDisk: createDiskReader({ env, view, own, ownNodeId: identity.nodeId }),
    env,
    store,
    view,
    keyring,
    ...(cluster === undefined ? {} : { leadership: cluster }),
    acl: aclSettings(config, folder),
    settings: serverSettings(config),
  });
  const saving = await createSaving({ ...options, folder, identity, state, discovery, nodeName, cluster });
  const tasks = forTasks({ config, env, folder, identity, link: server.link }, lifecycle);
  const gossip = await createAgentGossip({ ...options, addresses, folder, identity, nodeName, isMember });
  const whole = {
    addresses,
    folder,
    state,
    stateKeeper,
    ...saving,
    cluster,
    membership,
    own,
    identity,
    nodeName,
    discovery,
    gossip,
    server,
    shapes: keepShapes({ env, config, state, cluster }, lifecycle),
    ...tasks,
  };
  const known = { ...options, ...whole, ...createFirmwareParts({ env, state, server, identity, own, cluster }) };
  if (config.client.enabled) own.client = createClient({ ...known, link: server.link, isMember });
  return { ...known, client: own.client };
}
