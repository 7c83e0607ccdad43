import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { TlsOptions } from "#base/env/net.ts";
import { PING_PATH } from "#daemons/cluster/calls.ts";
import { nodeServerName } from "#daemons/cluster/names.ts";

/** A machine that is busy takes its time; one that is gone mostly refuses at once. */
const ANSWER_MS = 5000;

/** Code of the error with which a copy of a node's disk is refused. */
export const CLONE = "clone";

interface Asking {
  readonly env: Pick<Env, "http">;
  /** What this node proves itself with. */
  readonly tls: TlsOptions;
}

/** Whether the node of that id answers at `internal` (`host:port`), which its certificate shows. Never rejects. */
export async function livesAt({ env, tls }: Asking, nodeId: string, internal: string): Promise<boolean> {
  try {
    const answer = await env.http.request({
      url: `https://${internal}${PING_PATH}`,
      timeoutMs: ANSWER_MS,
      tls: { ...tls, serverName: nodeServerName(nodeId) },
    });
    answer.abandon();
    return true;
  } catch {
    return false;
  }
}

export function clonedIdentity(at: string): CodedError {
  return new CodedError(
    CLONE,
    `a node with this one's identity runs already (${at}): is this a copy of its disk?`,
    "on the copy remove the folders `client`, `cluster`, `state` and `etcd` in its data folder, then join the cluster",
  );
}
