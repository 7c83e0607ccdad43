import { textOf, utf8 } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { isSameSecret } from "#base/env/same-secret.ts";
import type { AclToken } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import type { Compare, Op } from "#base/state/store.ts";
import type { Row } from "#base/state/table.ts";
import { aclRoles, aclTokens } from "#base/state/tables.ts";
import { nowNsOf } from "../server-context.ts";
import { commit, putGlobal, rowOf, rowsOf, sameAs, type AclContext } from "./acl-context.ts";
import { hashOf, isUuid } from "./secret.ts";
import { checkToken, type TokenRequest } from "./token-rules.ts";

/** A token and its secret, in the clear. */
export interface OpenToken {
  readonly row: Row<AclToken>;
  readonly secret: string;
}

/** Makes, changes, finds and ends tokens. */
export class TokenEndpoint {
  readonly #context: AclContext;

  constructor(context: AclContext) {
    this.#context = context;
    context.server.keyring.register({
      name: "ACL tokens",
      uses: (key) => rowsOf(context, aclTokens).some(({ value }) => value.Secret.KeyID === key.KeyID),
      rekey: (keyId) => this.#rekey(keyId),
    });
  }

  get(accessorId: string): Row<AclToken> | undefined {
    return rowOf(this.#context, aclTokens, accessorId);
  }

  list(prefix: string): Row<AclToken>[] {
    return rowsOf(this.#context, aclTokens, prefix);
  }

  /** The token with this secret, whether it is still valid or not. */
  bySecret(secret: string): Row<AclToken> | undefined {
    const hash = hashOf(secret);
    const found = this.#context.server.state.view.table(aclTokens).by("secret", hash);
    for (const row of found) if (isSameSecret(row.value.SecretHash, hash)) return row;
    return undefined;
  }

  isExpired({ value }: Row<AclToken>): boolean {
    return value.ExpirationTime !== 0 && value.ExpirationTime <= nowNsOf(this.#context.server);
  }

  /** Fails when the keyring cannot open it. */
  secretOf({ id, value }: Row<AclToken>): Result<string> {
    const opened = this.#context.server.keyring.decrypt(value.Secret, sealedAt(id));
    return opened.ok ? succeed(textOf(opened.value)) : opened;
  }

  /** Its id and secret are made up unless `own` has them. Fails with `invalid` or `conflict`. */
  async create(request: TokenRequest, own: OwnIds = {}): Promise<Result<OpenToken>> {
    const checked = checkToken(this.#context, request);
    if (!checked.ok) return checked;
    const { accessorId = "", secret = "" } = own;
    if (accessorId !== "" && !isUuid(accessorId)) return fail("invalid", "AccessorID: expected a UUID");
    if (accessorId !== "" && this.get(accessorId) !== undefined) return fail("invalid", "AccessorID: already in use");
    if (secret !== "" && this.bySecret(secret) !== undefined) return fail("invalid", "SecretID: already in use");
    return this.issue({
      ...checked.value,
      accessorId,
      secret: secret === "" ? this.#context.server.env.random.uuid() : secret,
    });
  }

  /** Without asking whether it may be; `also` is written with it, if `compare` holds. */
  async issue(token: NewToken): Promise<Result<OpenToken>> {
    const { random } = this.#context.server.env;
    const { accessorId = "" } = token;
    const id = accessorId === "" ? random.uuid() : accessorId;
    const value = this.#sealed(id, token);
    const compare = [sameAs(aclTokens, id, undefined), ...(token.compare ?? [])];
    const revision = await commit(this.#context, compare, [putGlobal(aclTokens, id, value), ...(token.also ?? [])]);
    const row = revision === undefined ? undefined : this.get(id);
    return row === undefined ? fail("conflict", "somebody else was faster") : succeed({ row, secret: token.secret });
  }

  /** Fails with `not_found`, `invalid` or `conflict`. */
  async update(accessorId: string, request: TokenRequest): Promise<Result<OpenToken>> {
    const row = this.get(accessorId);
    if (row === undefined) return fail("not_found", `cannot find token ${accessorId}`);
    if (row.value.Global !== request.Global) return fail("invalid", `cannot toggle global mode of ${accessorId}`);
    const { CreateTime, ExpirationTime, ExpirationTTL, AuthMethod } = row.value;
    const checked = checkToken(this.#context, { ...request, ExpirationTime: 0, ExpirationTTL: 0 });
    if (!checked.ok) return checked;
    const value = { ...row.value, ...checked.value, CreateTime, ExpirationTime, ExpirationTTL, AuthMethod };
    const revision = await commit(
      this.#context,
      [sameAs(aclTokens, accessorId, row)],
      [putGlobal(aclTokens, accessorId, value)],
    );
    const now = this.get(accessorId);
    if (revision === undefined || now === undefined) return fail("conflict", "the token was changed meanwhile");
    const secret = this.secretOf(now);
    return secret.ok ? succeed({ row: now, secret: secret.value }) : secret;
  }

  /** Fails with `not_found`. */
  async remove(accessorId: string): Promise<Result<number>> {
    const row = this.get(accessorId);
    const gone = fail("not_found", `cannot find token ${accessorId}`);
    if (row === undefined) return gone;
    const revision = await commit(
      this.#context,
      [sameAs(aclTokens, accessorId, row)],
      [remove(aclTokens, GLOBAL, accessorId)],
    );
    return revision === undefined ? gone : succeed(revision);
  }

  /** Ids of what has expired. */
  expired(): readonly string[] {
    return rowsOf(this.#context, aclTokens)
      .filter((row) => this.isExpired(row))
      .map(({ id }) => id);
  }

  /** With the names that its roles have now. */
  rolesOf({ value }: Row<AclToken>): { ID: string; Name: string }[] {
    return value.Roles.flatMap((ID) => {
      const role = rowOf(this.#context, aclRoles, ID);
      return role === undefined ? [] : [{ ID, Name: role.value.Name }];
    });
  }

  #sealed(id: string, { secret, accessorId: _accessor, also: _also, compare: _compare, ...rest }: NewToken): AclToken {
    const Secret = this.#context.server.keyring.encrypt(utf8(secret), sealedAt(id));
    return { AccessorID: id, SecretHash: hashOf(secret), Secret, ...rest };
  }

  async #rekey(keyId: string): Promise<void> {
    for (const row of this.list("")) {
      if (row.value.Secret.KeyID !== keyId) continue;
      const secret = this.secretOf(row);
      if (!secret.ok) throw new Error(`token ${row.id}: ${secret.error.message}`);
      const Secret = this.#context.server.keyring.encrypt(utf8(secret.value), sealedAt(row.id));
      const op = putGlobal(aclTokens, row.id, { ...row.value, Secret });
      await commit(this.#context, [sameAs(aclTokens, row.id, row)], [op]);
    }
  }
}

/** What somebody chose for a token; empty: nothing. */
export interface OwnIds {
  readonly accessorId?: string;
  readonly secret?: string;
}

export interface NewToken extends Omit<AclToken, "AccessorID" | "SecretHash" | "Secret"> {
  readonly secret: string;
  /** Empty or absent: one is made. */
  readonly accessorId?: string;
  readonly also?: readonly Op[];
  readonly compare?: readonly Compare[];
}

function sealedAt(accessorId: string): string {
  return `acl-tokens/${accessorId}`;
}
