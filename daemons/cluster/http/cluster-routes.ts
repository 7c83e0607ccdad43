import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Route } from "#base/http/route.ts";
import {
  MEMBER_ROLES,
  type Admission,
  type Authority,
  type ClusterMember,
  type JoinToken,
} from "#base/protocol/cluster.ts";
import { text } from "#base/protocol/schema.ts";
import {
  admissions as admissionTable,
  authorities as authorityTable,
  clusterMembers,
  joinTokens,
} from "#base/state/tables.ts";
import type { Cluster } from "../create-cluster.ts";
import { DEFAULT_TTL_MS } from "../join-tokens.ts";
import { pinOf } from "../token-text.ts";
import { refused } from "./internal-routes.ts";

const TokenBody = v.object({
  Role: v.nullish(v.picklist(MEMBER_ROLES), "client"),
  TTLMs: v.nullish(v.pipe(v.number(), v.integer()), DEFAULT_TTL_MS),
  MaxUses: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  Description: text,
});

const DecisionBody = v.object({ Approve: v.boolean(), Role: v.nullish(v.picklist(MEMBER_ROLES)) });

const read = { kind: "capability", resource: "operator", capability: "read" } as const;
const write = { kind: "capability", resource: "operator", capability: "write" } as const;

/** Of the node with this name, as gossip knows it: `alive`, `failed`, `left` …; empty: it knows none. */
type StatusOf = (name: string) => string;

/** What operators see and do of the cluster's members, among the routes of Nomad's API. */
export function clusterRoutes(cluster: Cluster, statusOf: StatusOf): Route[] {
  const { tokens, authorities } = cluster;
  const founded = (): Authority => {
    const { active } = authorities;
    if (active === undefined)
      throw new HttpError(409, "this agent is no cluster that others could join: `lares init` makes one");
    return active;
  };
  return [
    route({
      method: "GET",
      path: "/v1/cluster/join-tokens",
      summary: "List what lets nodes in, without the secrets",
      access: read,
      tables: [joinTokens],
      handle: () => ({ kind: "json", value: tokens.list().map(tokenAnswer) }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/cluster/join-tokens",
      summary: "Make a token that lets nodes in",
      access: write,
      body: jsonBody(TokenBody, { whenEmpty: {} }),
      handle: async ({ body }) => {
        const { Role: role, TTLMs: ttlMs, MaxUses: maxUses, Description: description } = body;
        const made = await tokens.create({ role, ttlMs, maxUses, description }, pinOf(founded().Certificate));
        if (!made.ok) throw refused(made.error);
        const value = { ...tokenAnswer(made.value.token), Token: made.value.text, Servers: cluster.servers() };
        return { kind: "json", value };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/cluster/join-token/:id",
      summary: "Revoke a join token",
      access: write,
      handle: async ({ params }) => {
        const done = await tokens.revoke(params.id);
        if (!done.ok) throw refused(done.error);
        return { kind: "json", value: {} };
      },
    }),
    ...memberRoutes(cluster, statusOf),
    ...admissionRoutes(cluster),
    ...authorityRoutes(cluster, founded),
  ];
}

function memberRoutes({ members }: Cluster, statusOf: StatusOf): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/cluster/members",
      summary: "List the nodes that have a certificate",
      access: read,
      tables: [clusterMembers],
      handle: () => ({ kind: "json", value: members.list().map((one) => memberAnswer(one, statusOf)) }),
    }),
    route({
      method: "DELETE",
      path: "/v1/cluster/member/:id",
      summary: "Take a node out: its certificate is not renewed any more",
      access: write,
      handle: async ({ params }) => {
        const done = await members.forget(params.id);
        if (!done.ok) throw refused(done.error);
        return { kind: "json", value: {} };
      },
    }),
  ];
}

function admissionRoutes({ admissions }: Cluster): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/cluster/admissions",
      summary: "List the nodes that ask to be let in, with the codes on their screens",
      access: read,
      tables: [admissionTable],
      handle: () => ({ kind: "json", value: admissions.list().map(admissionAnswer) }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/cluster/admission/:code",
      summary: "Let a node in, or refuse it, by the code on its screen",
      access: write,
      body: jsonBody(DecisionBody),
      handle: async ({ params, body }) => {
        const decided = await admissions.decide(params.code, { approve: body.Approve, role: body.Role ?? undefined });
        if (!decided.ok) throw refused(decided.error);
        return { kind: "json", value: admissionAnswer(decided.value) };
      },
    }),
  ];
}

function authorityRoutes({ authorities, ...cluster }: Cluster, founded: () => Authority): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/cluster/authorities",
      summary: "List the authorities that sign, signed or will sign certificates of nodes",
      access: read,
      tables: [authorityTable],
      handle: () => ({ kind: "json", value: authorities.list().map(authorityAnswer) }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/cluster/authorities/rotate",
      summary: "Make a new authority that takes over once all members trust it",
      access: write,
      handle: async () => {
        founded();
        if (!(await cluster.rotate())) throw new HttpError(409, "a new authority is on its way already");
        return { kind: "json", value: authorities.list().map(authorityAnswer) };
      },
    }),
  ];
}

const iso = (ms: number): string => (ms === 0 ? "" : new Date(ms).toISOString());

function tokenAnswer({ ID, Role, Description, CreatedMs, ExpiresMs, RevokedMs, Uses, MaxUses }: JoinToken) {
  const times = { Created: iso(CreatedMs), Expires: iso(ExpiresMs), Revoked: iso(RevokedMs) };
  return { ID, Role, Description, ...times, Uses, MaxUses };
}

function admissionAnswer({ NodeID, Name, Role, Address, Code, State, CreatedMs, EndsMs }: Admission) {
  return { NodeID, Name, Role, Address, Code, State, Created: iso(CreatedMs), Ends: iso(EndsMs) };
}

function memberAnswer({ JoinedMs, EndsMs, ...member }: ClusterMember, statusOf: StatusOf) {
  return { ...member, Status: statusOf(member.Name), Joined: iso(JoinedMs), CertificateEnds: iso(EndsMs) };
}

function authorityAnswer({ ID, State, Certificate, CreatedMs, EndsMs }: Authority) {
  return { ID, State, Certificate, Pin: pinOf(Certificate), Created: iso(CreatedMs), Ends: iso(EndsMs) };
}
