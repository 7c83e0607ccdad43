import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { AclToken, OneTimeToken } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { oneTimeTokens } from "#base/state/tables.ts";
import { nowNsOf } from "../server-context.ts";
import { commit, putGlobal, rowOf, rowsOf, sameAs, type AclContext } from "./acl-context.ts";
import { hashOf } from "./secret.ts";
import type { OpenToken, TokenEndpoint } from "./token-endpoint.ts";

/** How long one can be exchanged. */
const LIFE_NS = 600e9;

/** Stand-ins that can be handed to a browser in an address: good for one exchange. */
export class OneTimeTokens {
  readonly #context: AclContext;
  readonly #tokens: TokenEndpoint;

  constructor(context: AclContext, tokens: TokenEndpoint) {
    this.#context = context;
    this.#tokens = tokens;
  }

  async create({ id }: Row<AclToken>): Promise<{ readonly row: Row<OneTimeToken>; readonly secret: string }> {
    const { server } = this.#context;
    const secret = server.env.random.uuid();
    const hash = hashOf(secret);
    const value = { AccessorID: id, SecretHash: hash, ExpiresAt: nowNsOf(server) + LIFE_NS };
    const revision = (await commit(this.#context, [], [putGlobal(oneTimeTokens, hash, value)])) ?? 0;
    return { row: { namespace: GLOBAL, id: hash, value, createIndex: revision, modifyIndex: revision }, secret };
  }

  /** The token it stands for. Fails with `forbidden`: it was exchanged, expired, or never was. */
  async exchange(secret: string): Promise<Result<OpenToken & { readonly index: number }>> {
    const refused = fail("forbidden", "Permission denied");
    const hash = hashOf(secret);
    const row = rowOf(this.#context, oneTimeTokens, hash);
    if (row === undefined || row.value.ExpiresAt <= nowNsOf(this.#context.server)) return refused;
    const gone = [remove(oneTimeTokens, GLOBAL, hash)];
    const index = await commit(this.#context, [sameAs(oneTimeTokens, hash, row)], gone);
    const token = this.#tokens.get(row.value.AccessorID);
    if (index === undefined || token === undefined || this.#tokens.isExpired(token)) return refused;
    const opened = this.#tokens.secretOf(token);
    return opened.ok ? succeed({ row: token, secret: opened.value, index }) : opened;
  }

  expired(): readonly string[] {
    const now = nowNsOf(this.#context.server);
    return rowsOf(this.#context, oneTimeTokens)
      .filter(({ value }) => value.ExpiresAt <= now)
      .map(({ id }) => id);
  }
}
