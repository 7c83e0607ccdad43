import type { Env } from "#base/env/env.ts";
import type { TlsOptions } from "#base/env/net.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { parseTarget, type Target } from "#base/http/target.ts";
import { answerOf, asksForWebSocket, PASSED_ON, passedHeaders, passOnWebSocket, unreachable } from "./pass-on.ts";
import { nodeServerName } from "#daemons/cluster/names.ts";

export interface NodeRoutingDeps {
  readonly env: Env;
  readonly ownNodeId: string;
  /** The node that runs, or ran, an allocation. */
  readonly nodeOfAlloc: (allocId: string) => string | undefined;
  /** One that runs an allocation of a job, of this group where it is not empty. */
  readonly nodeOfJob: (of: {
    readonly namespace: string;
    readonly job: string;
    readonly group: string;
  }) => string | undefined;
  /** `host:port` of a node's internal API. */
  readonly internalOf: (nodeId: string) => string | undefined;
  readonly tls: () => TlsOptions;
}

/** Requests of Nomad's API that concern one node's tasks or machine are answered by that node. */
export function routeToNodes(local: Exchange, deps: NodeRoutingDeps): Exchange {
  return async (request) => {
    if (request.headers[PASSED_ON] !== undefined) return local(request);
    const target = concernedNode(request, deps);
    const address = target === undefined || target === deps.ownNodeId ? undefined : deps.internalOf(target);
    if (target === undefined || address === undefined) return local(request);
    return passToNode(request, { nodeId: target, address }, deps);
  };
}

/** Requests that nodes answer for their tasks; the rest of Nomad's API, but for the agent's, is the servers'. */
export const OF_NODES = /^\/v1\/(?:client\/|agent\/|allocation\/[^/?]+\/checks(?:\?|$)|job\/[^?]+\/action(?:\?|$))/;

/**
 * The allocation that a request is about, where its node answers:
 * https://developer.hashicorp.com/nomad/api-docs/client , …/allocations#allocation-checks , …/jobs#run-action
 */
export function allocOf({ segments, query }: Pick<Target, "segments" | "query">): string | undefined {
  const [version, area, first, second, third] = segments;
  if (version !== "v1") return undefined;
  if (area === "client") return first === "allocation" ? second : first === "fs" ? third : undefined;
  if (area === "allocation") return second === "checks" ? first : undefined;
  if (area !== "job" || segments.at(-1) !== "action") return undefined;
  const named = query.get("allocID")?.[0] ?? query.get("alloc_id")?.[0] ?? "";
  return named === "" ? undefined : named;
}

function concernedNode({ url }: ExchangeRequest, { nodeOfAlloc, nodeOfJob }: NodeRoutingDeps): string | undefined {
  const target = OF_NODES.test(url) ? targetOf(url) : undefined;
  if (target === undefined) return undefined;
  const { segments, query } = target;
  const alloc = allocOf(target);
  if (alloc !== undefined) return nodeOfAlloc(alloc);
  const given = (name: string): string => query.get(name)?.[0] ?? "";
  if (segments[1] === "job") {
    const namespace = given("namespace") === "" ? "default" : given("namespace");
    return nodeOfJob({ namespace, job: plain(segments.slice(2, -1).join("/")), group: given("group") });
  }
  return given("node_id") === "" ? undefined : given("node_id");
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What cannot be read is for the API itself to answer. */
export function targetOf(url: string): Target | undefined {
  try {
    return parseTarget(url);
  } catch {
    return undefined;
  }
}

async function passToNode(
  request: ExchangeRequest,
  { nodeId, address }: { readonly nodeId: string; readonly address: string },
  { env, tls }: NodeRoutingDeps,
): Promise<ExchangeResponse> {
  const place = {
    origin: `https://${address}/nomad`,
    tls: { ...tls(), serverName: nodeServerName(nodeId) },
    headers: { [PASSED_ON]: "1" },
  };
  try {
    if (asksForWebSocket(request)) return await passOnWebSocket(request, place);
    const { method, url, body, signal } = request;
    const hasBody = method !== "GET" && method !== "HEAD";
    const response = await env.http.request({
      url: `${place.origin}${url}`,
      method,
      headers: { ...passedHeaders(request), ...place.headers },
      signal,
      timeoutMs: 0,
      tls: place.tls,
      ...(hasBody ? { body } : {}),
    });
    return answerOf(response, signal);
  } catch (thrown) {
    return unreachable(`cannot reach node ${nodeId} at ${address}`, thrown);
  }
}
