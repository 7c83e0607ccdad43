import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { GrantSchema, RENEW_PATH } from "#daemons/cluster/calls.ts";
import { SERVER_NAME } from "#daemons/cluster/names.ts";
import { internalAddress, type Addresses } from "../addresses.ts";
import type { DataFolder } from "../data-folder.ts";
import { certificateAddresses } from "./certificate-addresses.ts";
import { isGoodFor, proofOf, readMembership, writeMembership, type Membership } from "./membership.ts";

const CALL_MS = 5000;

interface Renewing {
  readonly env: Pick<Env, "clock" | "disk" | "http" | "log">;
  readonly config: AgentConfig;
  readonly addresses: Addresses;
  readonly folder: Pick<DataFolder, "root">;
  readonly nodeName: string;
}

/**
 * A server whose address changed gets a certificate for the new one from the others, before its etcd speaks to theirs. Where
 * none of them answers it keeps what it has. Never rejects for that.
 */
export async function certifyAddress(known: Renewing): Promise<void> {
  const { env, folder, addresses } = known;
  const membership = await readMembership(env.disk, folder.root);
  if (membership === undefined || isGoodFor(membership, [addresses.advertise])) return;
  const own = internalAddress(known);
  for (const server of membership.servers.filter((each) => each !== own)) {
    try {
      await writeMembership(env.disk, folder.root, await renewAt(server, membership, known));
      return env.log.info("this server has a certificate for its new address", { address: addresses.advertise });
    } catch (thrown) {
      env.log.info("a server gave no certificate for the new address", { server, error: messageOf(thrown) });
    }
  }
  env.log.warn("no other server gave a certificate for this one's new address", { address: addresses.advertise });
}

async function renewAt(server: string, membership: Membership, known: Renewing): Promise<Membership> {
  const { env, nodeName } = known;
  const { authorities: ca, certificate: cert, key: before } = membership;
  const key = await makeEcKey();
  const response = await env.http.request({
    url: `https://${server}${RENEW_PATH}`,
    method: "PUT",
    body: JSON.stringify({
      ...proofOf(membership.nodeId, key),
      nodeName,
      addresses: certificateAddresses(known),
      internal: internalAddress(known),
    }),
    timeoutMs: CALL_MS,
    tls: { ca, cert, key: before, serverName: SERVER_NAME },
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(text.trim());
  const { certificate, authorities, trust, region } = v.parse(GrantSchema, JSON.parse(text));
  return { ...membership, certificate, issuedMs: env.clock.nowMs(), key, authorities, trust, region };
}
