import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route, type RouteRequest } from "#base/http/route.ts";
import { AllocReportSchema } from "#base/protocol/alloc.ts";
import { NodeSchema } from "#base/protocol/node.ts";
import { flag, text } from "#base/protocol/schema.ts";
import { LINK_PATHS, toWire } from "../client/link-remote.ts";
import type { SchedulerServer } from "../server/server.ts";

const open = { kind: "public" } as const;
const MAX_REPORT_BYTES = 32 * 1024 * 1024;
/** Longer than any server is behind while it is in touch. After that it is a state that was restored. */
const CATCH_UP_MS = 5000;
const MAX_WAIT_MS = 600_000;

export interface LinkRoutesDeps {
  readonly server: SchedulerServer;
  /** Below which path they stand. */
  readonly root: string;
  /** The node whose certificate a request came with. Throws where there is none to trust. */
  readonly nodeOf: (request: Pick<RouteRequest, "peer">) => string;
}

/** What clients ask of servers over the network: each of its own node only. */
export function linkRoutes({ server, root, nodeOf }: LinkRoutesDeps): Route[] {
  const { link } = server;
  const own = (request: Pick<RouteRequest, "peer">, nodeId: string): string => {
    const known = nodeOf(request);
    if (known !== nodeId) throw new HttpError(403, `node ${known} may not speak for node ${nodeId}`);
    return nodeId;
  };
  const put = <B>(path: string, schema: v.GenericSchema<unknown, B>, answer: Answering<B>): Route =>
    route({
      method: "PUT",
      path: `${root}${path}`,
      summary: "Between a node and its servers",
      access: open,
      maxBodyBytes: MAX_REPORT_BYTES,
      body: jsonBody(schema),
      handle: async (request) => ({ kind: "json", value: await explained(answer(request.body, request)) }),
    });
  return [
    put(LINK_PATHS.register, RegisterSchema, ({ introduction, wantsIdentity, ...node }, request) => {
      const proof = { introduction, wantsIdentity, isRemote: true };
      return link.register({ ...node, ID: own(request, node.ID) }, proof);
    }),
    put(LINK_PATHS.heartbeat, v.object({ nodeId: v.string(), wantsIdentity: flag }), (beat, request) =>
      link.heartbeat(own(request, beat.nodeId), beat),
    ),
    put(LINK_PATHS.allocs, AllocsSchema, async ({ nodeId, index, waitMs }, request) => {
      const { signal } = request;
      await caughtUp(server, index);
      return toWire(await link.allocs({ nodeId: own(request, nodeId), index, waitMs, signal }));
    }),
    put(LINK_PATHS.report, v.array(AllocReportSchema), async (reports, request) => {
      const nodeId = nodeOf(request);
      const { state } = server.context;
      // What is collected already is nobody's, and is dropped behind the link.
      const foreign = reports.find(({ AllocID }) => (state.allocById(AllocID)?.value.NodeID ?? nodeId) !== nodeId);
      if (foreign !== undefined) throw new HttpError(403, `allocation ${foreign.AllocID} is not on node ${nodeId}`);
      await link.report(reports);
      return {};
    }),
    put(LINK_PATHS.identities, IdentitySchema, async (asked, request) => {
      own(request, asked.nodeId);
      return (await link.signIdentities?.(asked)) ?? [];
    }),
    diskRoute(link, `${root}${LINK_PATHS.disk}`, own),
  ];
}

/** 409: the allocation before has not ended; 404: there is no disk of it. */
function diskRoute(
  link: SchedulerServer["link"],
  path: string,
  own: (request: Pick<RouteRequest, "peer">, nodeId: string) => string,
): Route {
  return route({
    method: "GET",
    path: `${path}/:alloc`,
    summary: "Between a node and its servers",
    access: open,
    query: v.object({ node: v.string() }),
    handle: async (request) => {
      const { signal, params, query } = request;
      const nodeId = own(request, query.node);
      const asked = link.previousDisk?.({ nodeId, allocId: params.alloc, signal });
      const answer = await explained(asked ?? Promise.resolve(NOBODY));
      if (answer.kind === "running") throw new HttpError(409, "the allocation before has not ended");
      if (answer.kind === "gone") throw new HttpError(404, answer.why);
      return { kind: "stream", contentType: "application/x-tar", body: answer.body };
    },
  });
}

const NOBODY = { kind: "gone", why: "this server reads no disks" } as const;

/** A node that followed another server may know more than this one has seen: an older list would end its newest tasks. */
async function caughtUp({ context: { env, state } }: SchedulerServer, index: number): Promise<void> {
  if (state.index >= index) return;
  const end = new AbortController();
  await Promise.race([state.view.reached(index), sleep(env.clock, CATCH_UP_MS, end.signal)]).finally(() => end.abort());
}

type Answering<B> = (body: B, request: RouteRequest<unknown, B>) => Promise<unknown>;

const RegisterSchema = v.object({ ...NodeSchema.entries, introduction: text, wantsIdentity: flag });
const AllocsSchema = v.object({
  nodeId: v.string(),
  index: v.pipe(v.number(), v.integer(), v.minValue(0)),
  waitMs: v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_WAIT_MS)),
});
const IdentitySchema = v.object({
  nodeId: v.string(),
  allocId: v.string(),
  task: v.string(),
  names: v.array(v.string()),
});

async function explained<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof CodedError) throw new HttpError(400, thrown.message);
    throw thrown;
  }
}
