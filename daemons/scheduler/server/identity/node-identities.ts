import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { RootKey } from "#base/protocol/keyring.ts";
import type { Node } from "#base/protocol/node.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { nodePools } from "#base/state/tables.ts";
import type { ServerContext } from "../server-context.ts";
import { signJwt } from "./jws.ts";
import { claimsOf, keysOf, LEEWAY_S, OWN_AUDIENCE } from "./signing-keys.ts";

const DEFAULT_IDENTITY_TTL_NS = 24 * 3600e9;

/** What becomes of a node that comes for the first time without a token: refused, let in with a line in the log, let in. */
export type IntroductionEnforcement = "strict" | "warn" | "none";

export interface IntroductionSettings {
  readonly enforcement: IntroductionEnforcement;
  readonly defaultTtlMs: number;
  /** Longer ones are cut to this. */
  readonly maxTtlMs: number;
}

export interface Introduction {
  /** Empty: any. */
  readonly nodeName: string;
  readonly nodePool: string;
  /** Undefined: the cluster's default. */
  readonly ttlMs: number | undefined;
}

const IntroductionClaims = v.object({
  aud: v.string(),
  exp: v.number(),
  nbf: v.number(),
  sub: v.string(),
  nomad_node_name: v.nullish(v.string(), ""),
  nomad_node_pool: v.string(),
});

/**
 * Signs what nodes prove themselves with to others, and what introduces a node that is new.
 * https://developer.hashicorp.com/nomad/docs/architecture/cluster/node-identity
 */
export class NodeIdentities {
  readonly #server: ServerContext;
  readonly #region: string;
  readonly #settings: IntroductionSettings;

  constructor(server: ServerContext, region: string, settings: IntroductionSettings) {
    this.#server = server;
    this.#region = region;
    this.#settings = settings;
    server.keyring.register({
      name: "node identities",
      uses: (key) => this.#mayStillCount(key),
      rekey: () => Promise.resolve(),
    });
  }

  /** A JWT that lets one node in for a while. */
  introduce({ nodeName, nodePool, ttlMs }: Introduction): string {
    const { defaultTtlMs, maxTtlMs } = this.#settings;
    return this.#sign(Math.min(ttlMs ?? defaultTtlMs, maxTtlMs) / 1000, {
      sub: ["node-introduction", this.#region, nodePool, nodeName, "default"].join(":"),
      ...(nodeName === "" ? {} : { nomad_node_name: nodeName }),
      nomad_node_pool: nodePool,
    });
  }

  /** Whether a node that nobody knows yet may come. A token that is shown has to be right, whatever is enforced. */
  admit(node: Node, introduction: string): Result<void> {
    if (introduction !== "") return this.#check(node, introduction);
    const { enforcement } = this.#settings;
    const who = `node ${JSON.stringify(node.Name)} (${node.ID})`;
    if (enforcement === "strict") {
      const hint = "make one with `lares node intro create` and give it to the agent: -client-intro-token";
      return fail("not_introduced", `${who} is new and shows no introduction token`, hint);
    }
    const { log } = this.#server.env;
    if (enforcement === "warn") log.debug("a node came without an introduction token", { node: node.Name });
    return succeed(undefined);
  }

  /** Who a node is, signed, for as long as its pool says. Undefined while there is no key: it asks again. */
  issue({ ID, NodePool, NodeClass, Datacenter }: Node): string | undefined {
    if (!this.#server.keyring.isReady) return undefined;
    const pool = this.#server.state.view.table(nodePools).get(GLOBAL, NodePool)?.value;
    const ttlNs = pool?.NodeIdentityTTL;
    return this.#sign((ttlNs === undefined || ttlNs === 0 ? DEFAULT_IDENTITY_TTL_NS : ttlNs) / 1e9, {
      sub: ["node", this.#region, NodePool, ID, "default"].join(":"),
      nomad_node_id: ID,
      nomad_node_pool: NodePool,
      nomad_node_class: NodeClass,
      nomad_node_datacenter: Datacenter,
    });
  }

  #check(node: Node, token: string): Result<void> {
    const claims = v.safeParse(IntroductionClaims, claimsOf(this.#server.keyring, token));
    const bad = (why: string): Result<void> =>
      fail("bad_introduction", `the introduction token of node ${JSON.stringify(node.Name)} ${why}`, "make a new one");
    if (!claims.success) return bad("is not of this cluster");
    const { aud, exp, nbf, sub, nomad_node_name: name, nomad_node_pool: pool } = claims.output;
    const nowS = this.#server.env.clock.nowMs() / 1000;
    if (aud !== OWN_AUDIENCE || !sub.startsWith("node-introduction:")) return bad("introduces no node");
    if (exp <= nowS - LEEWAY_S || nbf > nowS + LEEWAY_S) return bad("has expired");
    if (name !== "" && name !== node.Name) return bad(`is for a node named ${JSON.stringify(name)}`);
    if (pool !== node.NodePool) return bad(`is for pool ${JSON.stringify(pool)}, not ${JSON.stringify(node.NodePool)}`);
    return succeed(undefined);
  }

  #sign(ttlS: number, claims: Readonly<Record<string, unknown>>): string {
    const { env, keyring } = this.#server;
    const nowS = Math.floor(env.clock.nowMs() / 1000);
    const times = { iat: nowS, nbf: nowS, exp: nowS + Math.floor(ttlS) };
    return signJwt({ aud: OWN_AUDIENCE, ...times, jti: env.random.uuid(), ...claims }, keysOf(keyring.active()).own);
  }

  /** Everything it signed ends at most one lifetime after it was retired. */
  #mayStillCount({ RetireTime }: RootKey): boolean {
    let longest = DEFAULT_IDENTITY_TTL_NS;
    for (const { value } of this.#server.state.view.table(nodePools).list(GLOBAL)) {
      longest = Math.max(longest, value.NodeIdentityTTL);
    }
    return this.#server.env.clock.nowMs() * 1e6 < RetireTime + longest;
  }
}
