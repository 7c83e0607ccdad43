import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Exchange, ExchangeResponse, PeerCertificate } from "#base/http/exchange.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { View } from "#base/state/table.ts";
import { nodes } from "#base/state/tables.ts";
import { nodeServerName, peerOf } from "#daemons/cluster/names.ts";
import type { SchedulerClient } from "#daemons/scheduler/client/client.ts";
import { INTERNAL_ADDRESS } from "#daemons/scheduler/client/fingerprint/fingerprint.ts";
import type { ReadDisk } from "#daemons/scheduler/server/link-local.ts";
import type { CertificateKeeper } from "./certificate-keeper.ts";

/** Below it every node gives servers the disks of its ended allocations. */
export const DISK_PATH = "/disk/";

export interface DiskReaderDeps {
  readonly env: Env;
  readonly ownNodeId: string;
  /** What comes later in a start. */
  readonly own: { readonly keeper?: CertificateKeeper; readonly client?: SchedulerClient | undefined };
  readonly view: View;
}

/** Rejects with what to tell the user when the disk cannot be had. */
export function createDiskReader({ env, ownNodeId, own, view }: DiskReaderDeps): ReadDisk {
  return async (allocId, { nodeId, signal }) => {
    if (nodeId === ownNodeId) {
      const kept = own.client?.keptDisk(allocId);
      if (kept === undefined) throw new CodedError("no_disk", "its node does not have it any more");
      return kept;
    }
    const address = view.table(nodes).get(GLOBAL, nodeId)?.value.Attributes[INTERNAL_ADDRESS];
    if (address === undefined) throw new CodedError("no_disk", `node ${nodeId.slice(0, 8)} tells no address`);
    const response = await env.http.request({
      url: `https://${address}${DISK_PATH}${allocId}`,
      signal,
      timeoutMs: ANSWER_MS,
      tls: { ...own.keeper?.tls(), serverName: nodeServerName(nodeId) },
    });
    if (response.status === 200) return response.body;
    throw new CodedError("no_disk", (await response.text(MAX_REFUSAL_BYTES)).trim());
  };
}

const ANSWER_MS = 10_000;
const MAX_REFUSAL_BYTES = 10_000;

/** Answers servers alone: they know whose disk is whose. */
export function serveDisks(client: SchedulerClient | undefined) {
  return (url: string, peer: PeerCertificate | undefined): ReturnType<Exchange> => {
    if (peerOf(peer)?.role !== "server") return refusal(403, "only servers are given an allocation's disk");
    const body = client?.keptDisk(url.slice(DISK_PATH.length));
    if (body === undefined) return refusal(404, "its node does not have it any more");
    return Promise.resolve({ status: 200, headers: { "content-type": "application/x-tar" }, body });
  };
}

function refusal(status: number, body: string): Promise<ExchangeResponse> {
  return Promise.resolve({ status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${body}\n` });
}
