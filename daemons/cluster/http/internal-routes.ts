import type * as v from "valibot";
import type { Failure } from "#base/env/errors.ts";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route, type RouteRequest } from "#base/http/route.ts";
import {
  ADMISSION_PATH,
  AdmissionProofSchema,
  AdmissionRequestSchema,
  ARRIVE_PATH,
  AUTHORITY_PATH,
  ArriveRequestSchema,
  JOIN_PATH,
  JoinRequestSchema,
  PING_PATH,
  RENEW_PATH,
  RenewRequestSchema,
  STAND_BY_PATH,
  type ArriveAnswerSchema,
  type JoinAnswer,
  type Ping,
  type StandByAnswer,
} from "../calls.ts";
import type { Cluster } from "../create-cluster.ts";
import { peerOf, type Peer } from "../names.ts";

/** What only the agent around it knows. */
export interface Surroundings {
  readonly datacenter: string;
  readonly aclEnabled: boolean;
  readonly gossipKeys: () => Promise<readonly string[]>;
  /** What opens the cluster's secrets, base64. */
  readonly rootKey: () => Promise<string>;
  /** Whether several servers hold the state together, and whether somebody else runs the etcd it is in. */
  readonly state: () => "alone" | "shared" | "external";
  /** A server without state asks what it is to do. */
  readonly standBy: (nodeId: string) => StandByAnswer;
  /** Whether that node runs at this address (`host:port` of its internal API). */
  readonly livesAt: (nodeId: string, internal: string) => Promise<boolean>;
}

/** Every route of the internal API lets anyone in; who needs a certificate asks {@link requirePeer}. */
export const open = { kind: "public" } as const;

/** How nodes come into the cluster and stay in it. */
export function memberRoutes(cluster: Cluster, around: Surroundings): Route[] {
  const { authorities, members, env } = cluster;
  return [
    route({
      method: "GET",
      path: AUTHORITY_PATH,
      summary: "Read the certificates of the cluster's authorities",
      access: open,
      handle: () => ({ kind: "bytes", contentType: "application/x-pem-file", body: authorities.bundle() }),
    }),
    route({
      method: "GET",
      path: PING_PATH,
      summary: "Is this server there, and whom else is there to ask?",
      access: open,
      handle: (request) => {
        requirePeer(request);
        const nowMs = env.clock.nowMs();
        // In an order that is the same everywhere: nodes keep it on their disks.
        const servers = cluster.servers().toSorted();
        const value: Ping = { nowMs, trust: authorities.trust, servers, isLeader: false };
        return { kind: "json", value };
      },
    }),
    route({
      method: "PUT",
      path: RENEW_PATH,
      summary: "Get a new certificate",
      access: open,
      body: jsonBody(RenewRequestSchema),
      handle: async (request) => {
        const granted = await members.renew(requirePeer(request), request.body);
        if (!granted.ok) throw refused(granted.error);
        void cluster.review();
        return { kind: "json", value: granted.value };
      },
    }),
    joinRoute(cluster, around),
    ...admissionRoutes(cluster),
    standByRoute(cluster, around),
    arriveRoute(cluster, around),
  ];
}

function joinRoute(cluster: Cluster, around: Surroundings): Route {
  return route({
    method: "PUT",
    path: JOIN_PATH,
    summary: "Become a member",
    access: open,
    body: jsonBody(JoinRequestSchema),
    handle: async ({ body }) => {
      const state = around.state();
      const lacksEtcd = state === "external" && !body.knowsEtcd;
      if (lacksEtcd && body.role === "server") throw new HttpError(409, NAME_ETCD);
      const granted = await cluster.members.join(lacksEtcd ? { ...body, role: "client" } : body);
      if (!granted.ok) throw refused(granted.error);
      const isServer = granted.value.role === "server";
      const value: JoinAnswer = {
        ...granted.value,
        datacenter: around.datacenter,
        servers: [...cluster.servers()],
        gossipKeys: [...(await around.gossipKeys())],
        aclEnabled: around.aclEnabled,
        rootKey: isServer ? await around.rootKey() : "",
        serverCount: cluster.members.list().filter(({ Role }) => Role === "server").length,
        sharesState: state !== "alone",
      };
      return { kind: "json", value };
    },
  });
}

const NAME_ETCD =
  "the state of this cluster is in an etcd that somebody else runs: name it in this server's configuration (state { etcd { endpoints … } }), then join";

function standByRoute(cluster: Cluster, { standBy }: Surroundings): Route {
  return route({
    method: "PUT",
    path: STAND_BY_PATH,
    summary: "Ask, as a server that has no state yet, where it is",
    access: open,
    handle: (request) => {
      const { nodeId } = requirePeer(request);
      const member = cluster.members.get(nodeId);
      if (member?.Role !== "server") throw new HttpError(403, NO_SERVER);
      return { kind: "json", value: standBy(nodeId) };
    },
  });
}

function arriveRoute({ members }: Cluster, { livesAt }: Surroundings): Route {
  return route({
    method: "PUT",
    path: ARRIVE_PATH,
    summary: "Ask, at another address than before, whether somebody else has this identity",
    access: open,
    body: jsonBody(ArriveRequestSchema),
    handle: async (request) => {
      const { nodeId } = requirePeer(request);
      const { internal } = request.body;
      const known = members.get(nodeId)?.Address ?? "";
      const isElsewhere = known !== "" && known !== internal && (await livesAt(nodeId, known));
      if (!isElsewhere) await members.arrived(nodeId, internal);
      const value: v.InferOutput<typeof ArriveAnswerSchema> = { takenAt: isElsewhere ? known : "" };
      return { kind: "json", value };
    },
  });
}

const NO_SERVER =
  "this node is none of the cluster's servers any more: to make it one again, take it out (`lares member forget`), remove the folders `cluster` and `state` in its data folder, and join with -server";

/** Who asks, by certificate. Throws a 403 that says what is wrong with it. */
export function requirePeer({ peer }: Pick<RouteRequest, "peer">): Peer {
  const known = peerOf(peer);
  if (known !== undefined) return known;
  if (peer === undefined) throw new HttpError(403, "a node's certificate is needed here: join the cluster first");
  const why = PROBLEMS[peer.problem] ?? `the certificate is not to be trusted (${peer.problem})`;
  throw new HttpError(403, peer.problem === "" ? "the certificate is none of a node" : why);
}

const JOIN_AGAIN =
  "take the node out (`lares member forget NODE`), remove the folder `cluster` in its data folder and join again";
const FOREIGN = "the certificate is of another cluster: this node's data folder belongs there";

/** By OpenSSL's names of what is wrong. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: `the certificate has ended: if the node's clock is right, ${JOIN_AGAIN}`,
  CERT_NOT_YET_VALID: "the certificate is not valid yet: one of the two clocks is wrong",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT: FOREIGN,
  SELF_SIGNED_CERT_IN_CHAIN: FOREIGN,
  DEPTH_ZERO_SELF_SIGNED_CERT: FOREIGN,
  CERT_SIGNATURE_FAILURE: FOREIGN,
};

/** A node without a token: what it asks for is given when a person said so. */
function admissionRoutes({ admissions }: Cluster): Route[] {
  return [
    route({
      method: "PUT",
      path: ADMISSION_PATH,
      summary: "Ask to be let in without a token",
      access: open,
      body: jsonBody(AdmissionRequestSchema),
      handle: async ({ body, remote }) => {
        const offered = await admissions.ask(body, remote.host);
        if (!offered.ok) throw refused(offered.error);
        return { kind: "json", value: offered.value };
      },
    }),
    route({
      method: "PUT",
      path: `${ADMISSION_PATH}/:id`,
      summary: "Hear what was decided",
      access: open,
      body: jsonBody(AdmissionProofSchema),
      handle: async ({ params, body }) => {
        const answered = await admissions.prove(params.id, body);
        if (!answered.ok) throw refused(answered.error);
        return { kind: "json", value: answered.value };
      },
    }),
  ];
}

const STATUS: Readonly<Record<string, number>> = {
  bad_request: 400,
  not_found: 404,
  node_known: 409,
  name_taken: 409,
  too_many: 429,
};

export function refused({ code, message, hint }: Failure): HttpError {
  return new HttpError(STATUS[code] ?? 403, hint === undefined ? message : `${message}: ${hint}`);
}
