import * as v from "valibot";
import { MEMBER_ROLES } from "#base/protocol/cluster.ts";
import { flag, integer, text } from "#base/protocol/schema.ts";

/** The paths of the internal API; the number rises when old programs could not follow. */
export const INTERNAL = "/internal/1";
export const AUTHORITY_PATH = `${INTERNAL}/authority`;
export const JOIN_PATH = `${INTERNAL}/join`;
export const RENEW_PATH = `${INTERNAL}/renew`;
export const PING_PATH = `${INTERNAL}/ping`;
export const ADMISSION_PATH = `${INTERNAL}/admission`;
export const STAND_BY_PATH = `${INTERNAL}/stand-by`;
export const ARRIVE_PATH = `${INTERNAL}/arrive`;

/** Common to whoever asks for a certificate. */
const asking = {
  /** PEM. */
  publicKey: v.string(),
  /** Base64: the key's signature of {@link proofText}. */
  proof: v.string(),
  nodeName: v.pipe(v.string(), v.minLength(1), v.maxLength(253)),
  /** IP addresses the certificate is good for. */
  addresses: v.pipe(v.array(v.string()), v.maxLength(32)),
  /** `host:port` of its internal API. */
  internal: v.pipe(v.string(), v.maxLength(300)),
};

export const JoinRequestSchema = v.object({
  tokenId: v.string(),
  secret: v.string(),
  nodeId: v.pipe(v.string(), v.uuid()),
  /** Undefined: a server where the token lets one in and there are fewer than three, else a client. */
  role: v.optional(v.picklist(MEMBER_ROLES)),
  nowMs: v.number(),
  /** Of a server: its configuration names the etcd that somebody else runs. */
  knowsEtcd: flag,
  ...asking,
});
export type JoinRequest = v.InferOutput<typeof JoinRequestSchema>;

const digest = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}=$/, "expected 32 bytes in base64"));
const short = v.pipe(v.string(), v.minLength(16), v.maxLength(64));

/** A node asks to be let in without a token: first it says who it is, and binds itself to a number it does not show yet. */
export const AdmissionRequestSchema = v.object({
  nodeId: v.pipe(v.string(), v.uuid()),
  nodeName: v.pipe(v.string(), v.minLength(1), v.maxLength(253)),
  /** Undefined: a server while there are fewer than three, else a client. */
  role: v.optional(v.picklist(MEMBER_ROLES)),
  /** SHA-256, base64: of what it proves itself with later, and of its number. */
  secretHash: digest,
  commitment: digest,
});
export type AdmissionRequest = v.InferOutput<typeof AdmissionRequestSchema>;

export const AdmissionOfferSchema = v.object({
  /** The server's number, base64url. */
  nonce: v.string(),
  /** The certificate of the authority that signs, PEM. */
  authority: v.string(),
  clusterId: v.string(),
});
export type AdmissionOffer = v.InferOutput<typeof AdmissionOfferSchema>;

/** Then it shows its number, and asks again until somebody decided. */
export const AdmissionProofSchema = v.object({ secret: short, nonce: short });
export type AdmissionProof = v.InferOutput<typeof AdmissionProofSchema>;

export const AdmissionAnswerSchema = v.variant("state", [
  v.object({ state: v.literal("waiting") }),
  v.object({ state: v.literal("refused") }),
  v.object({ state: v.literal("approved"), token: v.string(), role: v.picklist(MEMBER_ROLES) }),
]);
export type AdmissionAnswer = v.InferOutput<typeof AdmissionAnswerSchema>;

export const RenewRequestSchema = v.object(asking);
export type RenewRequest = v.InferOutput<typeof RenewRequestSchema>;

/** A member is at another address than before: `host:port` of its internal API. */
export const ArriveRequestSchema = v.object({ internal: asking.internal });
export const ArriveAnswerSchema = v.object({
  /** Where another node with the same identity runs; empty: nowhere. */
  takenAt: v.string(),
});

export const GrantSchema = v.object({
  certificate: v.string(),
  /** All that are to be trusted, PEM. */
  authorities: v.string(),
  /** See `Authorities.trust`. */
  trust: v.string(),
  clusterId: v.string(),
  region: v.string(),
});
export type Grant = v.InferOutput<typeof GrantSchema>;

export const JoinAnswerSchema = v.object({
  ...GrantSchema.entries,
  /** Undefined, of a server of version 0.1.0 and before: what was asked for. */
  role: v.optional(v.picklist(MEMBER_ROLES)),
  datacenter: v.string(),
  servers: v.array(v.string()),
  gossipKeys: v.array(v.string()),
  aclEnabled: v.boolean(),
  /** For servers alone: what opens the cluster's secrets, base64. */
  rootKey: text,
  /** For servers alone: all there are now, and those that hold the state together. */
  serverCount: integer,
  sharesState: flag,
});
export type JoinAnswer = v.InferOutput<typeof JoinAnswerSchema>;

/** What a server hears that is a member already, and waits to become one that holds the state. */
export const StandByAnswerSchema = v.variant("engine", [
  /** One server has the state to itself; it moves to etcd when `wanted` more wait. */
  v.object({ engine: v.literal("sqlite"), wanted: v.number() }),
  v.object({ engine: v.literal("etcd"), token: v.string(), members: v.array(v.string()) }),
  v.object({ engine: v.literal("external") }),
]);
export type StandByAnswer = v.InferOutput<typeof StandByAnswerSchema>;

export const PingSchema = v.object({
  nowMs: v.number(),
  trust: v.string(),
  /** `host:port` of the servers' internal APIs. */
  servers: v.array(v.string()),
  isLeader: flag,
});
export type Ping = v.InferOutput<typeof PingSchema>;

/** What a node signs to show that the key is its own. */
export function proofText(nodeId: string, publicKey: string): string {
  return `lares certificate\n${nodeId}\n${publicKey}`;
}
