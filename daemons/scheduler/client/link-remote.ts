import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import type { HttpResponse } from "#base/env/http-client.ts";
import { AllocSchema } from "#base/protocol/alloc.ts";
import { HostVolumeSchema } from "#base/protocol/host-volume.ts";
import { JobSchema } from "#base/protocol/job.ts";
import type { AllocsReply, ClientAlloc, DiskRequest, NodeProof, PreviousDisk, ServerLink } from "../link.ts";

/** The calls of the link, below the internal API's root. */
export const LINK_PATHS = {
  register: "/node/register",
  heartbeat: "/node/heartbeat",
  allocs: "/node/allocs",
  report: "/node/report",
  identities: "/node/identities",
  disk: "/node/disk",
} as const;

export interface LinkCall {
  readonly path: string;
  readonly body: unknown;
  readonly signal?: AbortSignal;
  readonly timeoutMs: number;
}

/** Asks a server, and gives its answer's text. Rejects when none answers, or the one that did refuses. */
export type CallServer = (call: LinkCall) => Promise<string>;

/** Reads something large from a server, as it comes. Rejects when none answers. */
export type OpenAtServer = (
  path: string,
  signal: AbortSignal,
) => Promise<Pick<HttpResponse, "status" | "body" | "text">>;

const NO_PROOF: NodeProof = { introduction: "", wantsIdentity: false };
const CALL_MS = 10_000;
/** Between the end of a long poll and its answer. */
const POLL_SLACK_MS = 10_000;

const HeartbeatSchema = v.object({
  status: v.picklist(["initializing", "ready", "down", "disconnected"]),
  ttlMs: v.pipe(v.number(), v.minValue(1)),
  identity: v.optional(v.string()),
});

/** Allocations of one job share its text. */
const AllocsSchema = v.object({
  index: v.number(),
  jobs: v.array(JobSchema),
  allocs: v.array(
    v.object({
      alloc: AllocSchema,
      /** Which of `jobs`. */
      job: v.number(),
      modifyIndex: v.number(),
      ended: v.optional(v.boolean()),
    }),
  ),
  volumes: v.optional(v.array(HostVolumeSchema)),
});
export type WireAllocs = v.InferOutput<typeof AllocsSchema>;

const SignedSchema = v.array(v.object({ name: v.string(), token: v.string(), expiresMs: v.number() }));

/** The servers' side of the link, over the network. */
export function createRemoteLink(call: CallServer, open?: OpenAtServer): ServerLink {
  const ask = async <T>(path: string, body: unknown, schema: v.GenericSchema<unknown, T>): Promise<T> =>
    v.parse(schema, JSON.parse(await call({ path, body, timeoutMs: CALL_MS })));
  return {
    register: (node, { introduction, wantsIdentity } = NO_PROOF) =>
      ask(LINK_PATHS.register, { ...node, introduction, wantsIdentity }, HeartbeatSchema),
    heartbeat: (nodeId, { wantsIdentity } = NO_PROOF) =>
      ask(LINK_PATHS.heartbeat, { nodeId, wantsIdentity }, HeartbeatSchema),
    report: async (reports) => void (await call({ path: LINK_PATHS.report, body: reports, timeoutMs: CALL_MS })),
    signIdentities: (request) => ask(LINK_PATHS.identities, request, SignedSchema),
    async allocs({ signal, ...request }) {
      const timeoutMs = request.waitMs + POLL_SLACK_MS;
      const text = await call({ path: LINK_PATHS.allocs, body: request, signal, timeoutMs });
      return fromWire(v.parse(AllocsSchema, JSON.parse(text)));
    },
    previousDisk: open === undefined ? undefined : (request) => previousDisk(open, request),
  };
}

async function previousDisk(open: OpenAtServer, { allocId, nodeId, signal }: DiskRequest): Promise<PreviousDisk> {
  const response = await open(`${LINK_PATHS.disk}/${allocId}?node=${nodeId}`, signal);
  if (response.status === 200) return { kind: "disk", body: response.body };
  const why = (await response.text(MAX_REFUSAL_BYTES)).trim();
  if (response.status === 409) return { kind: "running" };
  if (response.status === 404) return { kind: "gone", why };
  throw new CodedError("refused", why);
}

const MAX_REFUSAL_BYTES = 10_000;

export function toWire({ index, allocs, volumes }: AllocsReply): WireAllocs {
  const places = new Map<ClientAlloc["job"], number>();
  const jobs: ClientAlloc["job"][] = [];
  const listed = allocs.map(({ alloc, job, modifyIndex, ended }) => {
    const place = places.get(job) ?? jobs.push(job) - 1;
    places.set(job, place);
    return { alloc, job: place, modifyIndex, ...(ended === undefined ? {} : { ended }) };
  });
  return { index, jobs, allocs: listed, ...(volumes === undefined ? {} : { volumes: [...volumes] }) };
}

function fromWire({ index, jobs, allocs, volumes }: WireAllocs): AllocsReply {
  return {
    index,
    volumes,
    allocs: allocs.map(({ alloc, job: place, modifyIndex, ended }) => {
      const job = jobs[place];
      if (job === undefined) throw new CodedError("bad_answer", `the server named job ${place} of ${jobs.length}`);
      return { alloc, job, modifyIndex, ...(ended === undefined ? {} : { ended }) };
    }),
  };
}
