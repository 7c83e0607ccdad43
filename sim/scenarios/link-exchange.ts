import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { HttpClient } from "#base/env/http-client.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { AllocReportSchema, AllocSchema } from "#base/protocol/alloc.ts";
import { JobSchema } from "#base/protocol/job.ts";
import { NodeSchema } from "#base/protocol/node.ts";
import type { ServerLink } from "#daemons/scheduler/link.ts";

const HeartbeatReplySchema = v.object({
  status: v.picklist(["initializing", "ready", "down", "disconnected"]),
  ttlMs: v.number(),
});
const PollSchema = v.object({ nodeId: v.string(), index: v.number(), waitMs: v.number() });
const AllocsReplySchema = v.object({
  index: v.number(),
  allocs: v.array(
    v.object({ alloc: AllocSchema, job: JobSchema, modifyIndex: v.number(), ended: v.exactOptional(v.boolean()) }),
  ),
});

/** The link between nodes as JSON over simulated HTTP, so that nothing but copies passes between them. */
export function serveLink(link: ServerLink): Exchange {
  return async (request) => {
    let text = "";
    for await (const part of request.body) text += textOf(part);
    try {
      const answer = await call(link, request.url, { body: JSON.parse(text), signal: request.signal });
      return { status: 200, headers: {}, body: JSON.stringify(answer ?? null) };
    } catch (thrown) {
      const code = thrown instanceof CodedError ? thrown.code : "failed";
      return { status: 500, headers: { "x-code": code }, body: messageOf(thrown) };
    }
  };
}

function call(
  link: ServerLink,
  url: string,
  asked: { readonly body: unknown; readonly signal: AbortSignal },
): Promise<unknown> {
  switch (url) {
    case "/register":
      return link.register(v.parse(NodeSchema, asked.body));
    case "/heartbeat":
      return link.heartbeat(v.parse(v.string(), asked.body));
    case "/allocs":
      return link.allocs({ ...v.parse(PollSchema, asked.body), signal: asked.signal });
    case "/report":
      return link.report(v.parse(v.array(AllocReportSchema), asked.body));
    default:
      throw new CodedError("unknown", `no call is named ${url}`);
  }
}

export function linkTo(http: HttpClient, server: string): ServerLink {
  const ask = async (path: string, body: unknown, signal?: AbortSignal): Promise<unknown> => {
    const response = await http.request({
      url: `${server}${path}`,
      method: "POST",
      body: JSON.stringify(body),
      timeoutMs: 30_000,
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    if (response.status !== 200) throw new CodedError(response.headers["x-code"] ?? "failed", text);
    const answer: unknown = JSON.parse(text);
    return answer;
  };
  return {
    register: async (node) => v.parse(HeartbeatReplySchema, await ask("/register", node)),
    heartbeat: async (nodeId) => v.parse(HeartbeatReplySchema, await ask("/heartbeat", nodeId)),
    allocs: async ({ signal, ...poll }) => v.parse(AllocsReplySchema, await ask("/allocs", poll, signal)),
    report: async (reports) => void (await ask("/report", reports)),
  };
}
