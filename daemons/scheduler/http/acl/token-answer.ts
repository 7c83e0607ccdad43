import * as v from "valibot";
import type { AclToken } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { contentHash } from "../../server/acl/secret.ts";
import type { OpenToken } from "../../server/acl/token-endpoint.ts";
import { timeText } from "./acl-requests.ts";

/** A token as lists show it. */
export function tokenStub(acl: Acl, row: Row<AclToken>) {
  const { AccessorID, Name, Type, Policies, Global, CreateTime, ExpirationTime } = row.value;
  const roles = acl.tokens.rolesOf(row);
  return {
    AccessorID,
    Name,
    Type,
    // Clients take null for none.
    Policies: Policies.length === 0 ? null : Policies,
    Roles: roles.length === 0 ? null : roles,
    Global,
    Hash: contentHash([Name, Type, Policies, row.value.Roles, Global]),
    CreateTime: timeText(CreateTime),
    ...(ExpirationTime === 0 ? {} : { ExpirationTime: timeText(ExpirationTime) }),
    CreateIndex: row.createIndex,
    ModifyIndex: row.modifyIndex,
  };
}

/** A token with its secret, for whoever may have it. */
export function openAnswer(acl: Acl, { row, secret }: OpenToken) {
  const { ExpirationTTL } = row.value;
  return { ...tokenStub(acl, row), SecretID: secret, ...(ExpirationTTL === 0 ? {} : { ExpirationTTL }) };
}

/** Ascending by creation. */
export function tokenKey(item: unknown): string {
  const { CreateIndex, AccessorID } = v.parse(v.object({ CreateIndex: v.number(), AccessorID: v.string() }), item);
  return `${String(CreateIndex).padStart(16, "0")}.${AccessorID}`;
}
