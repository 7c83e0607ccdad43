import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { ARRIVE_PATH, ArriveAnswerSchema } from "#daemons/cluster/calls.ts";
import { SERVER_NAME } from "#daemons/cluster/names.ts";
import { addressesOf, internalAddress } from "../addresses.ts";
import type { AgentOptions } from "../agent-options.ts";
import { openDataFolder } from "../data-folder.ts";
import { clonedIdentity, livesAt } from "./lives-at.ts";
import { readMembership, writeMembership, type Membership } from "./membership.ts";

/** A server asks the node that it knows by this name first. */
const CALL_MS = 10_000;

/**
 * A node that finds itself at another address than before may be a copy of a disk: where the node it was runs on, this one must
 * not, whatever it holds. It looks where it last was, and asks the servers where they know it to be; where nobody answers it was
 * moved, or all of them were. Costs nothing at an address it knows. Rejects with a `CodedError` `clone`.
 */
export async function requireOnlyOne({ env, config }: Pick<AgentOptions, "env" | "config">): Promise<void> {
  const { root } = await openDataFolder(env.disk, config);
  const membership = await readMembership(env.disk, root);
  if (membership === undefined || config.ports.rpc === 0) return;
  const own = internalAddress({ config, addresses: addressesOf(config, env.net) });
  if (membership.internal === own) return;
  const { authorities: ca, certificate: cert, key, nodeId, internal } = membership;
  if (internal !== "" && (await livesAt({ env, tls: { ca, cert, key } }, nodeId, internal)))
    throw clonedIdentity(internal);
  const told = await askServers(env, membership, own);
  if (told !== undefined && told !== "") throw clonedIdentity(told);
  // Where no server could tell, they are asked at the next start.
  if (told !== undefined) await writeMembership(env.disk, root, { ...membership, internal: own });
}

/** Where another one runs, by the first server that knows; empty: nowhere; undefined: none could tell. */
async function askServers(
  env: Pick<Env, "http" | "log">,
  { servers, authorities: ca, certificate: cert, key }: Membership,
  own: string,
): Promise<string | undefined> {
  const ask = async (server: string): Promise<string> => {
    const response = await env.http.request({
      url: `https://${server}${ARRIVE_PATH}`,
      method: "PUT",
      body: JSON.stringify({ internal: own }),
      timeoutMs: CALL_MS,
      tls: { ca, cert, key, serverName: SERVER_NAME },
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${server}: ${response.status} ${text.trim()}`);
    return v.parse(ArriveAnswerSchema, JSON.parse(text)).takenAt;
  };
  const others = servers.filter((server) => server !== own);
  return Promise.any(others.map(ask)).catch((thrown: unknown) => {
    if (others.length > 0)
      env.log.info("no server told whether this node is the only one", { error: messageOf(thrown) });
    return undefined;
  });
}
