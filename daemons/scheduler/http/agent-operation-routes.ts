import * as v from "valibot";
import { utf8 } from "#base/env/bytes.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger, queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { LogLevel } from "#base/env/log.ts";
import type { AgentOperations, AgentProfiles } from "./agent-operations.ts";
import type { AgentFacts } from "./nomad-deps.ts";
import { readAgent, writeAgent } from "./requests.ts";

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];
const DEFAULT_PROFILE_SECONDS = 3;
const MAX_PROFILE_SECONDS = 300;

/** `server_id` and `node_id` say which agent is meant. */
const targeted = { server_id: queryText, node_id: queryText };

export interface OperationDeps {
  readonly agent: AgentFacts;
  readonly knowsNode: (nodeId: string) => boolean;
}

/** What operators do to this agent's process. https://developer.hashicorp.com/nomad/api-docs/agent */
export function agentOperationRoutes(deps: OperationDeps): Route[] {
  const { operations } = deps.agent;
  if (operations === undefined) return [];
  return [
    route({
      method: "GET",
      path: "/v1/agent/host",
      summary: "Read what surrounds this agent's process",
      access: readAgent,
      query: v.object(targeted),
      handle: async ({ query }) => {
        requireSelf(deps, query);
        return { kind: "json", value: { AgentID: deps.agent.name, HostData: await operations.host() } };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/agent/reload",
      summary: "Read this agent's configuration again",
      access: writeAgent,
      handle: async () => {
        await operations.reload();
        return { kind: "json", value: {} };
      },
    }),
    ...monitorRoutes(deps, operations),
    profileRoute(deps, operations.profiles),
  ];
}

const monitored = {
  ...targeted,
  log_level: v.optional(v.string(), "info"),
  log_json: queryFlag,
  plain: queryFlag,
};

function monitorRoutes(deps: OperationDeps, operations: AgentOperations): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/agent/monitor",
      summary: "Follow this agent's log",
      access: readAgent,
      query: v.object(monitored),
      handle: ({ query, signal }) => {
        requireSelf(deps, query);
        const lines = operations.monitor({ level: levelOf(query.log_level), json: query.log_json, signal });
        return streamOf(lines, query.plain);
      },
    }),
    route({
      method: "GET",
      path: "/v1/agent/monitor/export",
      summary: "Read the newest lines of this agent's log",
      access: readAgent,
      query: v.object(monitored),
      handle: ({ query }) => {
        requireSelf(deps, query);
        const text = operations.recentLog({ level: levelOf(query.log_level), json: query.log_json });
        return streamOf(once(utf8(text)), query.plain);
      },
    }),
  ];
}

async function* once(data: Uint8Array): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data;
}

/** Frames as logs of tasks have them, or the bare text. */
function streamOf(lines: AsyncIterable<Uint8Array>, plain: boolean): Reply {
  if (plain) return { kind: "stream", contentType: "text/plain; charset=utf-8", body: lines };
  return { kind: "stream", contentType: "application/json", body: framed(lines) };
}

async function* framed(lines: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let Offset = 0;
  for await (const line of lines) {
    Offset += line.length;
    yield utf8(JSON.stringify({ Offset, Data: Buffer.from(line).toString("base64"), FileEvent: "log" }));
  }
}

function levelOf(text: string): LogLevel {
  const level = LEVELS.find((each) => each === text.toLowerCase());
  if (level === undefined) throw new HttpError(400, `Unknown log level: ${text}; expected ${LEVELS.join(", ")}`);
  return level;
}

/** Without debugging switched on there is nothing at these paths. */
function profileRoute(deps: OperationDeps, profiles: AgentProfiles | undefined): Route {
  return route({
    method: "GET",
    path: "/v1/agent/pprof/:profile",
    summary: "Profile this agent's process: cmdline, profile, heap, allocs, goroutine",
    access: writeAgent,
    query: v.object({ ...targeted, seconds: queryInteger, debug: queryInteger }),
    handle: async ({ params, query, signal }): Promise<Reply> => {
      if (profiles === undefined) throw new HttpError(404, "pprof is off: set enable_debug = true");
      requireSelf(deps, query);
      const seconds = query.seconds ?? DEFAULT_PROFILE_SECONDS;
      if (seconds < 0 || seconds > MAX_PROFILE_SECONDS) {
        throw new HttpError(400, `seconds=${seconds}: expected 0 to ${MAX_PROFILE_SECONDS}`);
      }
      switch (params.profile) {
        case "cmdline":
          return { kind: "bytes", contentType: "text/plain; charset=utf-8", body: profiles.commandLine() };
        case "goroutine":
        case "threadcreate":
          return { kind: "bytes", contentType: "text/plain; charset=utf-8", body: profiles.handles() };
        case "profile":
          return profileReply("profile.cpuprofile", await profiles.cpu(seconds, signal));
        case "heap":
        case "allocs":
          return profileReply("heap.heapprofile", await profiles.heap(seconds, signal));
        default:
          throw new HttpError(404, `Unknown profile: ${params.profile}`);
      }
    },
  });
}

function profileReply(name: string, body: string): Reply {
  const headers = { "Content-Disposition": `attachment; filename="${name}"` };
  return { kind: "bytes", contentType: "application/octet-stream", body, headers };
}

/** One agent is the whole cluster: whoever asks for another asks for one that is not there. */
function requireSelf(
  { agent, knowsNode }: OperationDeps,
  { server_id, node_id }: { readonly server_id: string; readonly node_id: string },
): void {
  const own = ["", "leader", agent.name, `${agent.name}.${agent.region}`];
  if (!own.includes(server_id)) throw new HttpError(404, `unknown Nomad server ${server_id}`);
  if (node_id !== "" && !knowsNode(node_id)) {
    throw new HttpError(404, `Unknown node: ${node_id}`);
  }
}
