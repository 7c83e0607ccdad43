import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { JoinToken, MemberRole } from "#base/protocol/cluster.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { put, remove, unchanged } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { joinTokens } from "#base/state/tables.ts";
import { hashOf, isSecret, writeToken, type TokenText } from "./token-text.ts";

const DAY_MS = 86_400_000;
/** Tokens that ended are told apart from those that never were for so long. */
const KEPT_MS = 7 * DAY_MS;
export const DEFAULT_TTL_MS = DAY_MS;
const MAX_TTL_MS = 365 * DAY_MS;
const MAX_TOKENS = 1000;
const SECRET_BYTES = 24;
const ID_BYTES = 6;

export interface NewToken {
  readonly role: MemberRole;
  readonly ttlMs: number;
  /** 0: any number. */
  readonly maxUses: number;
  readonly description: string;
}

export interface JoinTokensDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
}

/** What lets nodes in. */
export class JoinTokens {
  readonly #deps: JoinTokensDeps;

  constructor(deps: JoinTokensDeps) {
    this.#deps = deps;
  }

  list(): readonly JoinToken[] {
    return this.#rows().map(({ value }) => value);
  }

  /** `pin`: of the authority that signs. Fails with `bad_request`. */
  async create({ role, ttlMs, maxUses, description }: NewToken, pin: string): Promise<Result<MadeToken>> {
    if (!(ttlMs > 0 && ttlMs <= MAX_TTL_MS))
      return fail("bad_request", "a join token ends within a year: its time to live must be above 0 and at most 8760h");
    const rows = this.#rows();
    const nowMs = this.#deps.env.clock.nowMs();
    const old = rows.filter(({ value }) => isOver(value, nowMs - KEPT_MS));
    if (rows.length - old.length >= MAX_TOKENS)
      return fail("bad_request", `there are ${MAX_TOKENS} join tokens already`, "revoke some");
    const { random } = this.#deps.env;
    const id = Buffer.from(random.bytes(ID_BYTES)).toString("hex");
    const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url");
    const token: JoinToken = {
      ID: id,
      SecretHash: hashOf(secret),
      Role: role,
      Description: description,
      CreatedMs: nowMs,
      ExpiresMs: nowMs + ttlMs,
      RevokedMs: 0,
      Uses: 0,
      MaxUses: maxUses,
    };
    await this.#write([putToken(token), ...old.map(({ id: gone }) => remove(joinTokens, GLOBAL, gone))]);
    return succeed({ token, text: writeToken({ id, secret, pin }) });
  }

  /** Fails with `not_found`. */
  async revoke(id: string): Promise<Result<void>> {
    const row = this.#row(id);
    if (row === undefined)
      return fail("not_found", `there is no join token ${id}`, "`lares join-token list` shows them");
    if (row.value.RevokedMs === 0)
      await this.#write([putToken({ ...row.value, RevokedMs: this.#deps.env.clock.nowMs() })]);
    return succeed(undefined);
  }

  /** Whether it lets a node of this role in, or of the role that it is for. Fails with `bad_token`, `expired_token`, `revoked_token` or `wrong_role`. */
  check({ id, secret }: Pick<TokenText, "id" | "secret">, role?: MemberRole): Result<Row<JoinToken>> {
    const row = this.#row(id);
    if (row === undefined || !isSecret(secret, row.value.SecretHash))
      return fail("bad_token", "this cluster knows no such join token", CREATE);
    const { value } = row;
    if (value.RevokedMs > 0) return fail("revoked_token", `join token ${id} was revoked`, CREATE);
    if (value.ExpiresMs <= this.#deps.env.clock.nowMs())
      return fail("expired_token", `join token ${id} ended at ${new Date(value.ExpiresMs).toISOString()}`, CREATE);
    if (value.MaxUses > 0 && value.Uses >= value.MaxUses)
      return fail("expired_token", `join token ${id} let in the ${value.MaxUses} node(s) it was made for`, CREATE);
    if (role === "server" && value.Role === "client")
      return fail(
        "wrong_role",
        `join token ${id} lets clients in, and no servers`,
        "join without -server, or make one with `lares join-token create -server`",
      );
    return succeed(row);
  }

  /** What it takes to count one use, as part of letting the node in. */
  use(row: Row<JoinToken>): { readonly compare: ReturnType<typeof unchanged>; readonly op: Op } {
    return { compare: unchanged(joinTokens, row), op: putToken({ ...row.value, Uses: row.value.Uses + 1 }) };
  }

  #rows(): Row<JoinToken>[] {
    return [...this.#deps.view.table(joinTokens).list(GLOBAL)];
  }

  #row(id: string): Row<JoinToken> | undefined {
    return this.#deps.view.table(joinTokens).get(GLOBAL, id);
  }

  async #write(then: readonly Op[]): Promise<void> {
    const { revision } = await this.#deps.store.txn({ then });
    await this.#deps.view.reached(revision);
  }
}

export interface MadeToken {
  readonly token: JoinToken;
  /** What to hand to the node; said once, and never again. */
  readonly text: string;
}

const CREATE = "make a new one on a server: `lares join-token create`";

function isOver({ RevokedMs, ExpiresMs }: JoinToken, nowMs: number): boolean {
  return ExpiresMs < nowMs || (RevokedMs > 0 && RevokedMs < nowMs);
}

function putToken(value: JoinToken): Op {
  return put(joinTokens, { namespace: GLOBAL, id: value.ID }, value);
}
