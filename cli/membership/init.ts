import { CodedError } from "#base/env/errors.ts";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { DEFAULT_TTL_MS } from "#daemons/cluster/join-tokens.ts";
import { pinOf } from "#daemons/cluster/token-text.ts";
import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import { addressesOf } from "../agent/addresses.ts";
import { openKeyring } from "../agent/open-keyring.ts";
import type { AgentOptions } from "../agent/agent-options.ts";
import { openDataFolder, type DataFolder } from "../agent/data-folder.ts";
import { gossipKeysPath } from "../agent/gossip.ts";
import { createMembership } from "../agent/internal/server-side.ts";
import { Lifecycle } from "../agent/lifecycle.ts";
import { openAgentState } from "../agent/open-agent-state.ts";
import { aclSettings } from "../agent/security-settings.ts";
import type { Invocation, RunCommand } from "../command/command.ts";
import { VERSION } from "../version.ts";
import { nodeConfig, type NodeConfig } from "./node-config.ts";
import { startAgentHere } from "./start-agent.ts";

const GOSSIP_KEY_BYTES = 32;

interface Founded {
  readonly clusterId: string;
  /** Undefined: nobody is invited yet. */
  readonly join: string | undefined;
  /** A file that only its owner reads. */
  readonly tokenFile: string;
}

/** Makes this machine the first server of a cluster, and prints the line by which others join. */
export const init: RunCommand = (invocation) => foundCluster(invocation, { invites: true });

/** The same; the line holds a token, which does not belong where everybody reads, or into a log. */
export async function foundCluster(
  invocation: Invocation,
  { invites }: { readonly invites: boolean },
): Promise<number> {
  const { flags, output } = invocation;
  const env = createEnv({ logLevel: "warn" });
  try {
    const node = nodeConfig(flags, { role: "server" });
    const founded = await found(node, env, invites);
    node.save();
    if (flags.on("json")) output.line(JSON.stringify({ ...founded, config: node.path }, undefined, 2));
    else {
      output.line(`This machine is the first server of cluster ${founded.clusterId}.`);
      if (founded.tokenFile !== "")
        output.line(
          `The token that may do everything is in ${founded.tokenFile}: export NOMAD_TOKEN=$(cat ${founded.tokenFile})`,
        );
      if (founded.join !== undefined) {
        output.line("On each other machine, within a day:");
        output.line(`  ${founded.join}`);
      }
    }
    return (await startAgentHere({ env, config: node.config, path: node.path }, invocation)) ? 0 : 1;
  } finally {
    env.close();
  }
}

async function found({ config, path }: NodeConfig, env: SystemEnv, invites: boolean): Promise<Founded> {
  if (!config.server.enabled)
    throw new CodedError("init", `${path} makes this node no server`, "set server { enabled = true } in it");
  if (config.ports.rpc === 0)
    throw new CodedError("init", `${path} switches the internal API off`, "give ports { rpc } a port");
  const lifecycle = new Lifecycle(env.log);
  try {
    const options: AgentOptions = { config, env, version: VERSION, tasksAtStop: "leave", reload: async () => {} };
    const folder = await openDataFolder(env.disk, config);
    const identity = await loadIdentity(env, folder.client);
    const addresses = addressesOf(config, env.net);
    const nodeName = config.name === "" ? env.net.hostname() : config.name;
    const { state } = await openAgentState(options, { folder, identity, addresses, nodeName });
    lifecycle.add("the state store", () => state.close());
    const keyring = await openKeyring({ config, env, folder, state }, lifecycle);
    const known = { config, env, addresses, identity, nodeName, folder, state, cluster: undefined };
    const membership = createMembership(known, keyring);
    if (membership.identity !== undefined)
      throw new CodedError(
        "init",
        `${folder.root} is the data folder of cluster ${membership.identity.ClusterID} already`,
        "`lares join-token create` prints the line by which others join",
      );
    const { ClusterID: clusterId } = await membership.found();
    await keepGossipKey(env, folder);
    const { store, view } = state;
    const server = createSchedulerServer({ env, store, view, keyring, acl: aclSettings(config, folder) });
    const tokenFile = config.acl.enabled ? await bootstrap(server.acl, env, folder) : "";
    if (!invites) return { clusterId, join: undefined, tokenFile };
    const { active } = membership.authorities;
    const wanted = { role: "server", ttlMs: DEFAULT_TTL_MS, maxUses: 0, description: "made by lares init" } as const;
    const token = await membership.tokens.create(wanted, pinOf(active?.Certificate ?? ""));
    if (!token.ok) throw new CodedError("init", token.error.message, token.error.hint);
    return { clusterId, join: `lares join ${membership.servers()[0] ?? ""} ${token.value.text}`, tokenFile };
  } finally {
    await lifecycle.stop();
  }
}

async function keepGossipKey(env: SystemEnv, folder: DataFolder): Promise<void> {
  const path = gossipKeysPath(folder);
  if ((await env.disk.read(path)) !== undefined) return;
  const key = Buffer.from(env.random.bytes(GOSSIP_KEY_BYTES)).toString("base64");
  await env.disk.replace(path, utf8(`${JSON.stringify([key])}\n`), { mode: 0o600 });
}

async function bootstrap(
  acl: ReturnType<typeof createSchedulerServer>["acl"],
  env: SystemEnv,
  folder: DataFolder,
): Promise<string> {
  const path = `${folder.root}/management-token`;
  const made = await acl.bootstrap("");
  // Access was controlled before the machine became a cluster: its tokens stay.
  if (!made.ok) return (await env.disk.read(path).then((bytes) => bytes && textOf(bytes))) === undefined ? "" : path;
  await env.disk.replace(path, utf8(`${made.value.secret}\n`), { mode: 0o600 });
  return path;
}
