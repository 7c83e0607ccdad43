import * as v from "valibot";
import { utf8 } from "#base/env/bytes.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { HttpTransportError, type HttpRequestOptions } from "#base/env/http-client.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";
import {
  AUTHORITY_PATH,
  JOIN_PATH,
  JoinAnswerSchema,
  type JoinAnswer,
  type JoinRequest,
} from "#daemons/cluster/calls.ts";
import { SERVER_NAME } from "#daemons/cluster/names.ts";
import { certificatesIn, pinOf, readToken, type TokenText } from "#daemons/cluster/token-text.ts";
import { loadIdentity } from "#daemons/scheduler/client/fingerprint/node-identity.ts";
import { wrappingKeyPath } from "#daemons/scheduler/server/keyring/wrapping-key.ts";
import { addressesOf, internalAddress } from "../agent/addresses.ts";
import { openDataFolder, type DataFolder } from "../agent/data-folder.ts";
import { readEngineFile, writeEngineFile } from "../agent/cluster/engine-file.ts";
import { gossipKeysPath } from "../agent/gossip.ts";
import { proofOf, readMembership, writeMembership } from "../agent/internal/membership.ts";
import { certificateAddresses } from "../agent/internal/certificate-addresses.ts";
import { UsageError, type Invocation, type RunCommand } from "../command/command.ts";
import { nodeConfig, type NodeConfig } from "./node-config.ts";
import { startAgentHere } from "./start-agent.ts";

const PORT = 4647;
const CALL_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/** `ADDRESS TOKEN`: makes this machine a member of the cluster that made the token. Nothing is kept of a join that failed. */
export const joinCluster: RunCommand = (invocation) => joinAs(invocation, roleOf(invocation.flags));

function roleOf(flags: Invocation["flags"]): MemberRole {
  return flags.on("server") ? "server" : "client";
}

/** The same. Without a role it becomes what the token allows, and the cluster needs. */
export async function joinAs(invocation: Invocation, wanted: MemberRole | undefined): Promise<number> {
  const { flags, operands, output } = invocation;
  const [address, text, ...more] = operands;
  if (address === undefined || text === undefined || more.length > 0) throw new UsageError("give ADDRESS and TOKEN");
  const token = readToken(text);
  if (!token.ok) throw new CodedError(token.error.code, token.error.message, token.error.hint);
  const env = createEnv({ logLevel: "warn" });
  try {
    const at = /:\d+$/.test(address) && !/^[^[].*:.*:/.test(address) ? address : `${bracketed(address)}:${PORT}`;
    const { answer, node, role } = await join(env, { at, token: token.value, role: wanted, flags });
    const { clusterId, servers, trust } = answer;
    if (flags.on("json"))
      output.line(JSON.stringify({ clusterId, role, servers, trust, config: node.path }, undefined, 2));
    else output.line(`This machine is a ${role} of cluster ${clusterId}, whose servers are ${servers.join(", ")}.`);
    if (role === "server") for (const line of advice(answer)) output.error(line);
    return (await startAgentHere({ env, config: node.config, path: node.path }, invocation)) ? 0 : 1;
  } finally {
    env.close();
  }
}

/** What to know of the number of servers: a majority of them has to be there. */
function advice({ serverCount, sharesState }: JoinAnswer): readonly string[] {
  const even =
    serverCount % 2 === 0
      ? [
          `the cluster has ${serverCount} servers now: an even number survives no more losses than one less; add another`,
        ]
      : [];
  if (sharesState || serverCount >= 3) return even;
  return [
    ...even,
    "the state stays with the first server until there are three; `lares operator state move -to etcd` there shares it now",
  ];
}

interface Joining {
  readonly at: string;
  readonly token: TokenText;
  readonly role: MemberRole | undefined;
  readonly flags: Parameters<typeof nodeConfig>[0];
}

async function join(
  env: SystemEnv,
  { at, token, role: wanted, flags }: Joining,
): Promise<{ answer: JoinAnswer; node: NodeConfig; role: MemberRole }> {
  const first = nodeConfig(flags, { role: wanted ?? "server" });
  if (wanted !== undefined) requireFit(first, wanted);
  const { config } = first;
  const before = await readMembership(env.disk, config.dataDir);
  if (before !== undefined)
    throw new CodedError(
      "member",
      `${config.dataDir} belongs to a member of cluster ${before.clusterId} already`,
      `to join another, stop the agent and remove ${config.dataDir}/cluster${wanted === "client" ? "" : ` and ${config.dataDir}/state`}`,
    );
  const knowsEtcd = config.state.etcd.endpoints.length > 0;
  const folder = await openDataFolder(env.disk, config);
  if (wanted !== "client" && !knowsEtcd) await requireNoState(env, folder);
  const ca = await pinned(env, at, token);
  const { nodeId } = await loadIdentity(env, folder.client);
  const key = await makeEcKey();
  const addresses = addressesOf(config, env.net);
  const request: JoinRequest = {
    tokenId: token.id,
    secret: token.secret,
    nodeId,
    role: wanted,
    nowMs: env.clock.nowMs(),
    knowsEtcd,
    ...proofOf(nodeId, key),
    nodeName: config.name === "" ? env.net.hostname() : config.name,
    addresses: certificateAddresses({ addresses, config }),
    internal: internalAddress({ config, addresses }),
  };
  const tls = { ca, serverName: SERVER_NAME };
  const text = await ask(env, { url: `https://${at}${JOIN_PATH}`, method: "PUT", body: JSON.stringify(request), tls });
  const answer = v.parse(JoinAnswerSchema, JSON.parse(text));
  const { certificate, authorities, trust, clusterId, region, servers, datacenter } = answer;
  const role = answer.role ?? wanted ?? "client";
  const node = nodeConfig(flags, { role, datacenter, region });
  if (answer.gossipKeys.length > 0)
    await env.disk.replace(gossipKeysPath(folder), utf8(`${JSON.stringify(answer.gossipKeys)}\n`), { mode: 0o600 });
  if (answer.rootKey !== "")
    await env.disk.replace(wrappingKeyPath(folder.keyring), utf8(`${answer.rootKey}\n`), { mode: 0o600 });
  if (role === "server" && !knowsEtcd) await writeEngineFile(env.disk, folder.state, { engine: "joining" });
  node.save();
  // The last, because it is what makes this machine a member.
  const { internal } = request;
  const whom = { authorities, trust, servers: [...servers] };
  const issuedMs = env.clock.nowMs();
  const membership = { clusterId, region, role, nodeId, certificate, issuedMs, key, ...whom, internal };
  await writeMembership(env.disk, folder.root, membership);
  return { answer, node, role };
}

/** What a server already keeps is not given up for another cluster's. */
async function requireNoState({ disk }: SystemEnv, { state, root }: DataFolder): Promise<void> {
  const kept = await disk.list(state);
  if (kept.length === 0 || (await readEngineFile(disk, state)).engine === "joining") return;
  throw new CodedError(
    "foreign_state",
    `${state} holds the state of a server already`,
    `move ${root} away if that is not needed any more, then join again`,
  );
}

function requireFit({ config, path }: NodeConfig, role: MemberRole): void {
  if (config.server.enabled === (role === "server")) return;
  const [says, flag] = config.server.enabled ? ["a server", "with -server"] : ["no server", "without -server"];
  throw new CodedError("join", `${path} makes this node ${says}`, `join ${flag}, or change server { enabled }`);
}

/** The authority the token names, as the server shows it: nothing else is believed of whoever answers there. */
async function pinned(env: SystemEnv, at: string, { pin }: TokenText): Promise<string> {
  const text = await ask(env, { url: `https://${at}${AUTHORITY_PATH}`, tls: { verify: false } });
  const found = certificatesIn(text).find((each) => pinOf(each) === pin);
  if (found !== undefined) return found;
  throw new CodedError(
    "foreign_token",
    `the server at ${at} is of another cluster than the token, or its authority was replaced since`,
    "take address and token from one join line; a server prints a new one with `lares join-token create`",
  );
}

async function ask(env: SystemEnv, request: HttpRequestOptions): Promise<string> {
  const { host } = new URL(request.url);
  try {
    const response = await env.http.request({ timeoutMs: CALL_MS, ...request });
    const text = await response.text(MAX_BYTES);
    if (response.status === 200) return text;
    throw new CodedError("refused", `the server at ${host} refuses: ${text.trim()}`);
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw new CodedError("unreachable", `cannot reach a server at ${host}: ${messageOf(thrown)}`, hintFor(thrown));
  }
}

function hintFor(thrown: unknown): string {
  const code = thrown instanceof HttpTransportError ? thrown.code : "";
  if (code === "ECONNREFUSED") return `is the agent running there, and is this its internal port (${PORT})?`;
  if (code === "ETIMEDOUT" || code === "EHOSTUNREACH" || code === "ENETUNREACH")
    return `is the address right, and is port ${PORT} open in the firewalls between?`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "give the server's IP address";
  if (code.startsWith("CERT_")) return "are the clocks of both machines right (`timedatectl`)?";
  return `what answers there is no internal API of a server (port ${PORT})`;
}

/** RFC 3986 section 3.2.2 */
function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
