import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Node } from "#base/protocol/node.ts";
import type { NodeProof } from "../link.ts";

/** Share of an identity's life after which a new one is asked for. */
const RENEW_SHARE = 0.67;
const MAX_TOKEN_LENGTH = 16 * 1024;

const ClaimsSchema = v.looseObject({
  iat: v.number(),
  exp: v.number(),
  nomad_node_id: v.string(),
  nomad_node_pool: v.string(),
  nomad_node_class: v.string(),
  nomad_node_datacenter: v.string(),
});
export type NodeClaims = v.InferOutput<typeof ClaimsSchema>;

/** Who the servers say that this node is: a JWT, kept in `<folder>/identity.jwt` (0600) and renewed in time. */
export class NodeToken {
  readonly #env: Env;
  readonly #path: string;
  readonly #introduction: string;
  #claims: NodeClaims | undefined;
  #isForced = false;
  #isClosed = false;
  #writing: Promise<void> | undefined;

  private constructor(
    env: Env,
    path: string,
    known: { readonly introduction: string; readonly claims: NodeClaims | undefined },
  ) {
    this.#env = env;
    this.#path = path;
    this.#introduction = known.introduction;
    this.#claims = known.claims;
  }

  /** The introduction is the one given, or that of `<folder>/intro_token.jwt`. */
  static async open(env: Env, folder: string, given: string): Promise<NodeToken> {
    const path = join(folder, "identity.jwt");
    const claims = claimsOf(await textAt(env, path));
    const introduction = given === "" ? await textAt(env, join(folder, "intro_token.jwt")) : given;
    return new NodeToken(env, path, { introduction, claims });
  }

  /** Undefined until a server has signed one. */
  get claims(): NodeClaims | undefined {
    return this.#claims;
  }

  /** The next heartbeat asks for a new one. */
  renew(): void {
    this.#isForced = true;
  }

  proof(node: Node): NodeProof {
    return { introduction: this.#introduction, wantsIdentity: this.#isForced || !this.#isGoodFor(node) };
  }

  async keep(token: string | undefined): Promise<void> {
    if (token === undefined || this.#isClosed) return;
    const claims = claimsOf(token);
    if (claims === undefined) return;
    this.#claims = claims;
    this.#isForced = false;
    this.#writing = this.#write(token);
    await this.#writing;
  }

  /** Nothing is written any more once it resolves. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
  }

  async #write(token: string): Promise<void> {
    try {
      await this.#env.disk.replace(this.#path, token, { mode: 0o600 });
    } catch (thrown) {
      this.#env.log.warn("cannot keep this node's identity; it is asked for again", { error: messageOf(thrown) });
    }
  }

  #isGoodFor({ ID, NodePool, NodeClass, Datacenter }: Node): boolean {
    const claims = this.#claims;
    if (claims === undefined || claims.nomad_node_id !== ID || claims.nomad_node_pool !== NodePool) return false;
    if (claims.nomad_node_class !== NodeClass || claims.nomad_node_datacenter !== Datacenter) return false;
    return this.#env.clock.nowMs() / 1000 < claims.iat + (claims.exp - claims.iat) * RENEW_SHARE;
  }
}

async function textAt(env: Env, path: string): Promise<string> {
  const bytes = await env.disk.read(path);
  return bytes === undefined ? "" : textOf(bytes.subarray(0, MAX_TOKEN_LENGTH)).trim();
}

/** What a token of our own servers says; its signature is for others to check. */
function claimsOf(token: string): NodeClaims | undefined {
  try {
    const claims: unknown = JSON.parse(textOf(Buffer.from(token.split(".")[1] ?? "", "base64url")));
    const read = v.safeParse(ClaimsSchema, claims);
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}
