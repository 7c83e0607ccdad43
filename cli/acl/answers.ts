import * as v from "valibot";
import { flag, integer, list, text, texts } from "#base/protocol/schema.ts";

const Links = list(v.object({ ID: text, Name: text }));

/** https://developer.hashicorp.com/nomad/api-docs/acl/tokens */
export const TokenSchema = v.object({
  AccessorID: text,
  SecretID: text,
  Name: text,
  Type: text,
  Policies: texts,
  Roles: Links,
  Global: flag,
  CreateTime: text,
  ExpirationTime: text,
  CreateIndex: integer,
  ModifyIndex: integer,
});
export type Token = v.InferOutput<typeof TokenSchema>;

export const PolicySchema = v.object({
  Name: text,
  Description: text,
  Rules: text,
  JobACL: v.nullish(v.object({ Namespace: text, JobID: text, Group: text, Task: text }), null),
  CreateIndex: integer,
  ModifyIndex: integer,
});
export type Policy = v.InferOutput<typeof PolicySchema>;

export const RoleSchema = v.object({
  ID: text,
  Name: text,
  Description: text,
  Policies: list(v.object({ Name: text })),
  CreateIndex: integer,
  ModifyIndex: integer,
});
export type Role = v.InferOutput<typeof RoleSchema>;

export const MethodSchema = v.object({
  Name: text,
  Type: text,
  TokenLocality: text,
  TokenNameFormat: text,
  MaxTokenTTL: text,
  Default: flag,
  Config: v.nullish(v.record(v.string(), v.unknown()), () => ({})),
  CreateIndex: integer,
  ModifyIndex: integer,
});
export type Method = v.InferOutput<typeof MethodSchema>;

export const RuleSchema = v.object({
  ID: text,
  Description: text,
  AuthMethod: text,
  Selector: text,
  BindType: text,
  BindName: text,
  CreateIndex: integer,
  ModifyIndex: integer,
});
export type Rule = v.InferOutput<typeof RuleSchema>;
