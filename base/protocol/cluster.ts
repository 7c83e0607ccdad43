import * as v from "valibot";
import { SealedSchema } from "./keyring.ts";
import { integer, list, text } from "./schema.ts";

export const MEMBER_ROLES = ["client", "server"] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** Which cluster this is. */
export const ClusterIdentitySchema = v.object({ ClusterID: text, Region: text, CreatedMs: integer });
export type ClusterIdentity = v.InferOutput<typeof ClusterIdentitySchema>;

/**
 * Who signs the certificates of nodes. `next`: trusted by all soon, signs nothing yet; `active`: signs; `trusted`: signed
 * before, and is forgotten when nobody has a certificate of it any more.
 */
export const AuthoritySchema = v.object({
  ID: text,
  State: v.picklist(["next", "active", "trusted"]),
  /** PEM. */
  Certificate: text,
  /** PKCS #8 as PEM, sealed. */
  Key: SealedSchema,
  CreatedMs: integer,
  EndsMs: integer,
});
export type Authority = v.InferOutput<typeof AuthoritySchema>;

/** Lets nodes in. */
export const JoinTokenSchema = v.object({
  ID: text,
  /** SHA-256, base64. */
  SecretHash: text,
  Role: v.picklist(MEMBER_ROLES),
  Description: text,
  CreatedMs: integer,
  ExpiresMs: integer,
  /** 0: it was not. */
  RevokedMs: integer,
  /** How many nodes it let in; `MaxUses` 0: any number may come. */
  Uses: integer,
  MaxUses: integer,
});
export type JoinToken = v.InferOutput<typeof JoinTokenSchema>;

/** A node that asks to be let in, and waits for somebody to say yes. */
export const AdmissionSchema = v.object({
  NodeID: text,
  Name: text,
  Role: v.picklist(MEMBER_ROLES),
  /** Where it asked from. */
  Address: text,
  /** What a person compares; empty until the node has shown the number it had chosen before. */
  Code: text,
  /** SHA-256, base64: of what the node proves with that it is the one that asked, and of its number. */
  SecretHash: text,
  Commitment: text,
  /** The server's number, base64url. */
  Nonce: text,
  State: v.picklist(["asking", "waiting", "approved", "refused"]),
  CreatedMs: integer,
  EndsMs: integer,
});
export type Admission = v.InferOutput<typeof AdmissionSchema>;

/** A node with a certificate. */
export const ClusterMemberSchema = v.object({
  NodeID: text,
  Name: text,
  Role: v.picklist(MEMBER_ROLES),
  /** Hexadecimal. */
  Serial: text,
  /** The authority that signed it, and those the node trusts, as of its last visit. */
  Issuer: text,
  Trusts: list(v.string()),
  JoinedMs: integer,
  EndsMs: integer,
  /** Address of its internal API. */
  Address: text,
});
export type ClusterMember = v.InferOutput<typeof ClusterMemberSchema>;
