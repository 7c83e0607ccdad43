import { createHash } from "node:crypto";
import type { AclPolicy, AclRole } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";
import type { AclKeeper, HeldToken } from "./acl-keeper.ts";
import { identityAnswer } from "./identities.ts";
import { GLOBAL_MANAGEMENT, policyIdOf, policyLinks } from "./policy-links.ts";

/** The token of those who bring none. */
export const ANONYMOUS = { accessorId: "00000000-0000-0000-0000-000000000002", secret: "anonymous" } as const;

/** https://developer.hashicorp.com/consul/api-docs/acl/tokens */
export function tokenAnswer(keeper: AclKeeper, { row, secret }: HeldToken, datacenter: string) {
  const { AccessorID, Name, Type, Policies, Identities, AuthMethod, Global, CreateTime, ExpirationTime } = row.value;
  const policies = policyLinks(Type === "management" ? [GLOBAL_MANAGEMENT.Name] : Policies);
  const roles = keeper.tokens.rolesOf(row);
  return {
    AccessorID,
    SecretID: secret,
    Description: Name,
    ...(policies.length === 0 ? {} : { Policies: policies }),
    ...(roles.length === 0 ? {} : { Roles: roles }),
    ...identityAnswer(Identities, datacenter),
    Local: !Global,
    ...(AuthMethod === "" ? {} : { AuthMethod }),
    ...(ExpirationTime === 0 ? {} : { ExpirationTime: timeText(ExpirationTime) }),
    CreateTime: timeText(CreateTime),
    Hash: hashOf([Name, Type, Policies, row.value.Roles, Identities, Global]),
    CreateIndex: row.createIndex,
    ModifyIndex: row.modifyIndex,
  };
}

/** https://developer.hashicorp.com/consul/api-docs/acl/policies ; in lists without rules. */
export function policyAnswer({ value, createIndex, modifyIndex }: Row<AclPolicy>) {
  return {
    ID: policyIdOf(value.Name),
    Name: value.Name,
    Description: value.Description,
    Rules: value.Rules,
    Hash: hashOf([value.Name, value.Description, value.Rules]),
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

export const GLOBAL_MANAGEMENT_POLICY = {
  ...GLOBAL_MANAGEMENT,
  Description: "Grants everything",
  Rules: "",
  Hash: hashOf(GLOBAL_MANAGEMENT),
  CreateIndex: 1,
  ModifyIndex: 1,
};

/** https://developer.hashicorp.com/consul/api-docs/acl/roles */
export function roleAnswer({ value, createIndex, modifyIndex }: Row<AclRole>, datacenter: string) {
  const { ID, Name, Description, Policies, Identities } = value;
  return {
    ID,
    Name,
    Description,
    ...(Policies.length === 0 ? {} : { Policies: policyLinks(Policies) }),
    ...identityAnswer(Identities, datacenter),
    Hash: hashOf(value),
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

/** Nanoseconds → RFC 3339. */
export function timeText(ns: number): string {
  return new Date(ns / 1e6).toISOString();
}

export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}
