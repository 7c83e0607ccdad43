import { createHash } from "node:crypto";
import { HttpError } from "#base/http/http-error.ts";
import type { AclPolicy } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";
import type { AclKeeper } from "./acl-keeper.ts";

/** The policy that grants everything: a token that has it is a management token. */
export const GLOBAL_MANAGEMENT = { ID: "00000000-0000-0000-0000-000000000001", Name: "global-management" } as const;

export interface Link {
  readonly ID: string;
  readonly Name: string;
}

/** Policies are kept by name; Consul's clients want an id as well, which therefore follows from the name. */
export function policyIdOf(name: string): string {
  if (name === GLOBAL_MANAGEMENT.Name) return GLOBAL_MANAGEMENT.ID;
  const hex = createHash("sha256").update(`lares acl policy ${name}`).digest("hex");
  // Version 8 of RFC 9562: made in a way of one's own.
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

export function policyWithId(keeper: AclKeeper, id: string): Row<AclPolicy> | undefined {
  return keeper.policies.list("").find((row) => policyIdOf(row.id) === id);
}

/** Names of linked policies. Throws a 400 for one that does not exist. */
export function policyNames(keeper: AclKeeper, links: readonly Link[]): string[] {
  return links.map(({ ID, Name }) => {
    if (ID === GLOBAL_MANAGEMENT.ID || (ID === "" && Name === GLOBAL_MANAGEMENT.Name)) return GLOBAL_MANAGEMENT.Name;
    const row = ID === "" ? keeper.policies.get(Name) : policyWithId(keeper, ID);
    if (row === undefined)
      throw new HttpError(400, `No such ACL policy with ${ID === "" ? "name" : "ID"} ${ID || Name}`);
    return row.id;
  });
}

export function policyLinks(names: readonly string[]): Link[] {
  return names.map((Name) => ({ ID: policyIdOf(Name), Name }));
}
