import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { RolloutSchema, type Rollout } from "#base/protocol/rollout.ts";
import type { ServerSet } from "#daemons/cluster/server-set.ts";
import { ROLLOUT_PATH } from "#daemons/rollout/http/rollout-routes.ts";

const ANSWER_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/**
 * What a node that is no server knows of the update of all nodes: it asks one, in the name of whoever holds this token.
 * @returns undefined when none was ever begun. Rejects when no server answers, or it refuses
 */
export async function rolloutOfServers(set: Pick<ServerSet, "request">, token: string): Promise<Rollout | undefined> {
  const response = await set.request({
    path: `/nomad${ROLLOUT_PATH}`,
    timeoutMs: ANSWER_MS,
    repeatable: true,
    ...(token === "" ? {} : { headers: { "x-nomad-token": token } }),
  });
  const text = await response.text(MAX_BYTES);
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw new HttpError(response.status, text.trim());
  return v.parse(RolloutSchema, JSON.parse(text));
}
