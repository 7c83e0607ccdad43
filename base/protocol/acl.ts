import * as v from "valibot";
import { SealedSchema } from "./keyring.ts";
import { flag, integer, list, nanoseconds, text, textMap, texts } from "./schema.ts";

/** Which workloads a policy is for. */
export const JobAclSchema = v.nullish(v.object({ Namespace: text, JobID: text, Group: text, Task: text }), null);
export type JobAcl = v.InferOutput<typeof JobAclSchema>;

/** https://developer.hashicorp.com/nomad/api-docs/acl/policies */
export const AclPolicySchema = v.object({ Name: text, Description: text, Rules: text, JobACL: JobAclSchema });
export type AclPolicy = v.InferOutput<typeof AclPolicySchema>;

export const TOKEN_TYPES = ["client", "management"] as const;

/**
 * A token as it is stored: found by the hash of its secret, whose own text is sealed. Times in nanoseconds since the
 * epoch, 0 for none. https://developer.hashicorp.com/nomad/api-docs/acl/tokens
 */
export const AclTokenSchema = v.object({
  AccessorID: text,
  /** SHA-256 of the secret, in hex. */
  SecretHash: text,
  Secret: SealedSchema,
  Name: text,
  Type: v.picklist(TOKEN_TYPES),
  Policies: texts,
  /** Ids of roles. */
  Roles: texts,
  /** Consul's identities, as `service/NAME`, `node/NAME` and `builtin/TEMPLATE/NAME`: rules that follow from a name. */
  Identities: texts,
  /** The auth method that made it; empty: none. */
  AuthMethod: text,
  Global: flag,
  CreateTime: integer,
  ExpirationTime: integer,
  ExpirationTTL: nanoseconds,
});
export type AclToken = v.InferOutput<typeof AclTokenSchema>;

/** https://developer.hashicorp.com/nomad/api-docs/acl/roles */
export const AclRoleSchema = v.object({
  ID: text,
  Name: text,
  Description: text,
  Policies: texts,
  /** As a token's. */
  Identities: texts,
});
export type AclRole = v.InferOutput<typeof AclRoleSchema>;

/** Exchanged once, for the token it stands for. */
export const OneTimeTokenSchema = v.object({ AccessorID: text, SecretHash: text, ExpiresAt: integer });
export type OneTimeToken = v.InferOutput<typeof OneTimeTokenSchema>;

/** How bootstrapping went: it happens once, and again after a reset named its index. */
export const AclBootstrapSchema = v.object({ AccessorID: text });
export type AclBootstrap = v.InferOutput<typeof AclBootstrapSchema>;

/** https://developer.hashicorp.com/nomad/api-docs/acl/auth-methods ; durations in nanoseconds */
export const AuthMethodConfigSchema = v.object({
  JWTValidationPubKeys: texts,
  JWKSURL: text,
  JWKSCACert: text,
  OIDCDiscoveryURL: text,
  OIDCClientID: text,
  /** Sealed: empty where there is none. */
  OIDCClientSecret: SealedSchema,
  OIDCEnablePKCE: flag,
  OIDCDisableUserInfo: flag,
  OIDCScopes: texts,
  BoundAudiences: texts,
  BoundIssuer: texts,
  AllowedRedirectURIs: texts,
  DiscoveryCaPem: texts,
  SigningAlgs: texts,
  ExpirationLeeway: nanoseconds,
  NotBeforeLeeway: nanoseconds,
  ClockSkewLeeway: nanoseconds,
  ClaimMappings: textMap,
  ListClaimMappings: textMap,
  VerboseLogging: flag,
});
export type AuthMethodConfig = v.InferOutput<typeof AuthMethodConfigSchema>;

export const AUTH_METHOD_TYPES = ["OIDC", "JWT"] as const;
export const TOKEN_LOCALITIES = ["local", "global"] as const;

export const AuthMethodSchema = v.object({
  Name: text,
  Type: v.picklist(AUTH_METHOD_TYPES),
  TokenLocality: v.picklist(TOKEN_LOCALITIES),
  TokenNameFormat: text,
  MaxTokenTTL: nanoseconds,
  Default: flag,
  Config: AuthMethodConfigSchema,
  CreateTime: integer,
  ModifyTime: integer,
});
export type AuthMethod = v.InferOutput<typeof AuthMethodSchema>;

export const BIND_TYPES = ["role", "policy", "management"] as const;

/** https://developer.hashicorp.com/nomad/api-docs/acl/binding-rules */
export const BindingRuleSchema = v.object({
  ID: text,
  Description: text,
  AuthMethod: text,
  Selector: text,
  BindType: v.picklist(BIND_TYPES),
  BindName: text,
  CreateTime: integer,
  ModifyTime: integer,
});
export type BindingRule = v.InferOutput<typeof BindingRuleSchema>;

/** As clients send policies of a role: by name. */
export const PolicyLinks = list(v.object({ Name: text }));
