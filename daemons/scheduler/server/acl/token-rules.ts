import { fail, succeed, type Result } from "#base/env/errors.ts";
import { TOKEN_TYPES, type AclToken } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { aclRoles } from "#base/state/tables.ts";
import { formatDuration } from "#base/language/duration.ts";
import { nowNsOf } from "../server-context.ts";
import { rowOf, type AclContext } from "./acl-context.ts";

/** What somebody asks of a token. */
export interface TokenRequest {
  readonly Name: string;
  readonly Type: string;
  readonly Policies: readonly string[];
  /** By id, or by name where the id is empty. */
  readonly Roles: readonly { readonly ID: string; readonly Name: string }[];
  /** As in {@link AclToken}; default: none. */
  readonly Identities?: readonly string[];
  /** Consul's tokens may hold nothing at all; default: they have to hold something. */
  readonly mayBeEmpty?: boolean;
  readonly Global: boolean;
  /** Nanoseconds since the epoch; 0: never. */
  readonly ExpirationTime: number;
  /** Nanoseconds; 0: as the time says. */
  readonly ExpirationTTL: number;
}

const MAX_NAME_LENGTH = 256;
/** Policies and roles of one token. */
const MAX_LINKS = 256;

type Checked = Omit<AclToken, "AccessorID" | "SecretHash" | "Secret">;

/** A request as what is stored. Fails with `invalid`. https://developer.hashicorp.com/nomad/api-docs/acl/tokens */
export function checkToken(context: AclContext, request: TokenRequest): Result<Checked> {
  const type = TOKEN_TYPES.find((each) => each === request.Type);
  if (type === undefined) {
    return fail("invalid", `token type must be client or management, not ${JSON.stringify(request.Type)}`);
  }
  if (request.Name.length > MAX_NAME_LENGTH) {
    return fail("invalid", `token name too long: ${request.Name.length} characters, at most ${MAX_NAME_LENGTH}`);
  }
  const { Identities = [], mayBeEmpty = false } = request;
  const links = request.Policies.length + request.Roles.length + Identities.length;
  if (links > MAX_LINKS) return fail("invalid", `a token has at most ${MAX_LINKS} policies and roles, not ${links}`);
  if (type === "management" && links > 0) {
    return fail("invalid", "management token cannot be associated with policies or roles");
  }
  if (type === "client" && links === 0 && !mayBeEmpty) return fail("invalid", "client token missing policies or roles");
  const roles = resolveRoles(context, request.Roles);
  if (!roles.ok) return roles;
  const now = nowNsOf(context.server);
  const expiration = checkExpiration(context, request, now);
  if (!expiration.ok) return expiration;
  return succeed({
    Name: request.Name,
    Type: type,
    Policies: [...new Set(request.Policies)],
    Roles: roles.value,
    Identities: [...new Set(Identities)],
    AuthMethod: "",
    Global: request.Global,
    CreateTime: now,
    ExpirationTime: expiration.value,
    ExpirationTTL: request.ExpirationTTL,
  });
}

function resolveRoles(context: AclContext, links: TokenRequest["Roles"]): Result<string[]> {
  const ids = new Set<string>();
  for (const { ID, Name } of links) {
    const byName = context.server.state.view.table(aclRoles).by("name", Name);
    const row = ID === "" ? [...byName].find(({ namespace }) => namespace === GLOBAL) : rowOf(context, aclRoles, ID);
    if (row === undefined) return fail("invalid", `cannot find role ${ID === "" ? Name : ID}`);
    ids.add(row.id);
  }
  return succeed([...ids]);
}

function checkExpiration({ settings }: AclContext, request: TokenRequest, now: number): Result<number> {
  const { ExpirationTTL: ttl, ExpirationTime: time } = request;
  if (ttl < 0) return fail("invalid", `token expiration TTL ${formatDuration(ttl)} should not be negative`);
  if (ttl !== 0 && time !== 0 && time !== now + ttl) {
    return fail("invalid", "give a token an expiration TTL or an expiration time, not both");
  }
  const at = ttl === 0 ? time : now + ttl;
  if (at === 0) return succeed(0);
  const least = settings.tokenMinExpirationTtlMs * 1e6;
  const most = settings.tokenMaxExpirationTtlMs * 1e6;
  if (at < now) return fail("invalid", "expiration time cannot be before create time");
  if (at - now < least)
    return fail("invalid", `expiration time cannot be less than ${formatDuration(least)} in the future`);
  if (at - now > most)
    return fail("invalid", `expiration time cannot be more than ${formatDuration(most)} in the future`);
  return succeed(at);
}
