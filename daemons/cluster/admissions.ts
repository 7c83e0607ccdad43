import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Admission, MemberRole } from "#base/protocol/cluster.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { put, remove } from "#base/state/codec.ts";
import type { Op, Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { admissions } from "#base/state/tables.ts";
import { admissionCode } from "./admission-code.ts";
import type { Authorities } from "./authorities.ts";
import type { AdmissionAnswer, AdmissionOffer, AdmissionProof, AdmissionRequest } from "./calls.ts";
import type { JoinTokens } from "./join-tokens.ts";
import type { Members } from "./members.ts";
import { isSecret, pinOf } from "./token-text.ts";

/** Anybody on the network may ask; more than these wait at once for nobody. */
const MAX_WAITING = 16;
const WAIT_MS = 24 * 3_600_000;
/** Of the token an approved node gets. */
const TOKEN_MS = 600_000;
const NONCE_BYTES = 16;
/** With fewer servers a cluster does not survive the loss of one. */
const ENOUGH_SERVERS = 3;

export interface AdmissionsDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly authorities: Authorities;
  readonly tokens: JoinTokens;
  readonly members: Members;
  readonly cluster: () => { readonly clusterId: string };
  /** Whether a server with this name is known to have gone, for now or for good. */
  readonly isGone: (name: string) => boolean;
}

/** Nodes that came without a token, until a person says whether they are let in. Nothing is handed out before. */
export class Admissions {
  readonly #deps: AdmissionsDeps;

  constructor(deps: AdmissionsDeps) {
    this.#deps = deps;
  }

  /** Those that wait, and those that were decided about, oldest first. */
  list(): readonly Admission[] {
    const nowMs = this.#deps.env.clock.nowMs();
    const isOpen = ({ EndsMs, State, NodeID }: Admission): boolean =>
      EndsMs > nowMs && State !== "asking" && this.#deps.members.get(NodeID) === undefined;
    return this.#rows()
      .filter(isOpen)
      .toSorted((a, b) => a.CreatedMs - b.CreatedMs);
  }

  /** Asking anew begins anew, with another code. Fails with `node_known`, `name_taken` or `too_many`. */
  async ask(request: AdmissionRequest, address: string): Promise<Result<AdmissionOffer>> {
    const { env, authorities, members, cluster } = this.#deps;
    const { active } = authorities;
    if (active === undefined) return fail("bad_request", "this is no cluster that others could join");
    if (members.get(request.nodeId) !== undefined)
      return fail(
        "node_known",
        `node ${request.nodeId} is a member already`,
        "`lares member forget` takes it out, if it is to join anew",
      );
    // Else a person would let it in, and it could not come.
    const taken = members.nameTaken(request.nodeName);
    if (taken !== undefined) return taken;
    const rows = this.#rows();
    const nowMs = env.clock.nowMs();
    const isOver = ({ EndsMs, NodeID }: Admission): boolean => EndsMs <= nowMs || members.get(NodeID) !== undefined;
    const over = rows.filter((each) => isOver(each) && each.NodeID !== request.nodeId);
    if (rows.length - over.length >= MAX_WAITING && !rows.some(({ NodeID }) => NodeID === request.nodeId))
      return fail("too_many", `${MAX_WAITING} nodes wait already`, "approve or refuse some: `lares node approve`");
    const nonce = Buffer.from(env.random.bytes(NONCE_BYTES)).toString("base64url");
    const admission: Admission = {
      NodeID: request.nodeId,
      Name: request.nodeName,
      Role: request.role ?? this.neededRole(),
      Address: address,
      Code: "",
      SecretHash: request.secretHash,
      Commitment: request.commitment,
      Nonce: nonce,
      State: "asking",
      CreatedMs: nowMs,
      EndsMs: nowMs + WAIT_MS,
    };
    await this.#write([putAdmission(admission), ...over.map(({ NodeID }) => remove(admissions, GLOBAL, NodeID))]);
    return succeed({ nonce, authority: active.Certificate, clusterId: cluster().clusterId });
  }

  /** The node shows its number, then asks what was decided. Fails with `not_found` or `bad_token`. */
  async prove(nodeId: string, { secret, nonce }: AdmissionProof): Promise<Result<AdmissionAnswer>> {
    const { env, authorities, tokens } = this.#deps;
    const found = this.#deps.view.table(admissions).get(GLOBAL, nodeId)?.value;
    if (found === undefined || found.EndsMs <= env.clock.nowMs())
      return fail("not_found", "this node does not wait to be let in (any more)", "ask again");
    if (!isSecret(secret, found.SecretHash) || !isSecret(nonce, found.Commitment))
      return fail("bad_token", "this is not the node that asked", "ask again");
    const pin = pinOf(authorities.active?.Certificate ?? "");
    if (found.State === "asking") {
      const parts = { pin, secretHash: found.SecretHash, nodeNonce: nonce, serverNonce: found.Nonce };
      const Code = admissionCode(parts);
      await this.#write([putAdmission({ ...found, Code, State: "waiting" })]);
      env.log.info("a node asks to be let in", { name: found.Name, address: found.Address, code: Code });
      return succeed({ state: "waiting" });
    }
    if (found.State !== "approved") return succeed({ state: found.State });
    const { Role: role, Name } = found;
    const made = await tokens.create({ role, ttlMs: TOKEN_MS, maxUses: 1, description: `approved: ${Name}` }, pin);
    return made.ok ? succeed({ state: "approved", token: made.value.text, role }) : made;
  }

  /** By its code, which a person read on its screen. Fails with `not_found`. */
  async decide(
    code: string,
    decision: { readonly approve: boolean; readonly role?: MemberRole | undefined },
  ): Promise<Result<Admission>> {
    const wanted = code.replaceAll(/\D/g, "");
    const nowMs = this.#deps.env.clock.nowMs();
    const found = this.#rows().filter(
      ({ Code, State, EndsMs }) => Code !== "" && Code === wanted && State !== "asking" && EndsMs > nowMs,
    );
    const [one, ...more] = found;
    if (one === undefined)
      return fail("not_found", `no node waits with the code ${code}`, "`lares node approve` lists those that wait");
    if (more.length > 0)
      return fail("bad_request", `several nodes wait with the code ${code}`, "refuse it, and start them again");
    const decided: Admission = {
      ...one,
      Role: decision.role ?? one.Role,
      State: decision.approve ? "approved" : "refused",
    };
    await this.#write([putAdmission(decided)]);
    return succeed(decided);
  }

  /** One that is gone does not count: whoever comes then takes its place. */
  neededRole(): MemberRole {
    const { members, isGone } = this.#deps;
    const servers = members.list().filter(({ Role, Name }) => Role === "server" && !isGone(Name)).length;
    const coming = this.list().filter(({ Role, State }) => Role === "server" && State !== "refused").length;
    return servers + coming < ENOUGH_SERVERS ? "server" : "client";
  }

  #rows(): readonly Admission[] {
    return [...this.#deps.view.table(admissions).list(GLOBAL)].map(({ value }) => value);
  }

  async #write(then: readonly Op[]): Promise<void> {
    const { revision } = await this.#deps.store.txn({ then });
    await this.#deps.view.reached(revision);
  }
}

function putAdmission(value: Admission): Op {
  return put(admissions, { namespace: GLOBAL, id: value.NodeID }, value);
}
