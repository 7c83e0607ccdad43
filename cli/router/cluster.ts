import { createConsulClient, type ConsulClient } from "#base/client/consul-client.ts";
import { watch } from "#base/client/watch.ts";
import { userInfo, hostname } from "node:os";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { CodedError } from "#base/env/errors.ts";
import {
  NODES,
  pairJson,
  REPLIES,
  ReplySchema,
  REQUEST_KEY,
  type RouterReply,
  type RouterRequest,
} from "#daemons/router/share/keys.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import { consulTarget } from "../api/session.ts";
import type { Invocation } from "../command/command.ts";

/** The cluster, where it has running routers. */
export interface RouterCluster {
  readonly consul: ConsulClient;
  /** Names of nodes. */
  readonly nodes: readonly string[];
}

/** Undefined: the change is for this machine alone, because it was asked for, or because no agent or no router answers. */
export async function routerCluster(invocation: Invocation, env: SystemEnv): Promise<RouterCluster | undefined> {
  if (invocation.flags.on("local")) return undefined;
  const consul = createConsulClient(consulTarget(invocation, env));
  const found = await consul.kv.keys(NODES);
  const isAsked = invocation.flags.value("http-addr") !== undefined;
  if (!found.ok && found.error.code === "unreachable" && !isAsked) return undefined;
  const nodes = (foundOf(found) ?? []).map((key) => key.slice(NODES.length));
  if (nodes.length > 0) return { consul, nodes };
  if (!isAsked) return undefined;
  throw new CodedError(
    "router_none",
    "no router runs in this cluster",
    "run packs/router on a node, or use -local on the router itself",
  );
}

/** Asks every running router, and waits for their answers. Throws where one is missing or refuses. */
export async function askRouters(
  { consul, nodes }: RouterCluster,
  ask: Pick<RouterRequest, "kind"> & Partial<RouterRequest>,
  { env, patienceMs }: { readonly env: SystemEnv; readonly patienceMs: number },
): Promise<readonly RouterReply[]> {
  const id = env.random.uuid();
  const by = `${userInfo().username}@${hostname()}`;
  valueOf(await consul.kv.put(REQUEST_KEY, JSON.stringify({ text: "", by, ...ask, id })));
  const replies = new Map<string, RouterReply>();
  const stop = new AbortController();
  const timer = env.clock.after(patienceMs, () => stop.abort());
  const alive = setInterval(() => {}, patienceMs);
  try {
    const news = watch((at) => consul.kv.list(REPLIES, at), {
      clock: env.clock,
      random: env.random,
      signal: stop.signal,
      waitMs: patienceMs,
    });
    for await (const { value } of news) {
      for (const pair of value ?? []) {
        const reply = pairJson(pair, ReplySchema);
        if (reply?.id === id) replies.set(reply.node, reply);
      }
      if (nodes.every((node) => replies.has(node))) break;
    }
  } finally {
    timer.cancel();
    clearInterval(alive);
    stop.abort();
  }
  const refused = [...replies.values()].find(({ ok }) => !ok);
  if (refused !== undefined)
    throw new CodedError(refused.code, `${refused.node}: ${refused.message}`, refused.hint ?? undefined);
  const silent = nodes.filter((node) => !replies.has(node));
  if (silent.length > 0)
    throw new CodedError(
      "router_silent",
      `no answer from the router on ${silent.join(", ")} within ${Math.round(patienceMs / 1000)} seconds`,
      "a change that cuts it off is taken back by itself; see: lares router status",
    );
  return [...replies.values()];
}
