import { verify } from "node:crypto";
import { utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ClusterMember, MemberRole } from "#base/protocol/cluster.ts";
import { ipv4Bytes, ipv6Bytes } from "#base/protocol/dns/address.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { absent, put, remove } from "#base/state/codec.ts";
import type { Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { clusterMembers } from "#base/state/tables.ts";
import { readPublicKey, type Authorities, type SignedCertificate } from "./authorities.ts";
import { proofText, type Grant, type JoinRequest, type RenewRequest } from "./calls.ts";
import type { JoinTokens } from "./join-tokens.ts";
import { certificateNames, type Peer } from "./names.ts";

/** Clocks further apart would make certificates worthless soon, and times of checks and tokens wrong at once. */
const MAX_SKEW_MS = 300_000;

export interface MembersDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly authorities: Authorities;
  readonly tokens: JoinTokens;
  readonly cluster: () => { readonly clusterId: string; readonly region: string };
  /** What a node becomes that leaves it to the cluster. */
  readonly neededRole: () => MemberRole;
}

/** The nodes of the cluster and their certificates. */
export class Members {
  readonly #deps: MembersDeps;

  constructor(deps: MembersDeps) {
    this.#deps = deps;
  }

  list(): readonly ClusterMember[] {
    return [...this.#deps.view.table(clusterMembers).list(GLOBAL)].map(({ value }) => value);
  }

  get(nodeId: string): ClusterMember | undefined {
    return this.#deps.view.table(clusterMembers).get(GLOBAL, nodeId)?.value;
  }

  /**
   * Lets a node in. Fails with those of `JoinTokens.check`, `clock_skew`, `bad_request`, `node_known` or `name_taken`;
   * nothing is written then.
   */
  async join(request: JoinRequest): Promise<Result<Grant & { readonly role: MemberRole }>> {
    const { env, tokens, store, view } = this.#deps;
    const token = tokens.check({ id: request.tokenId, secret: request.secret }, request.role);
    if (!token.ok) return token;
    const skew = skewOf(request.nowMs, env.clock.nowMs());
    if (skew !== undefined) return skew;
    const refusal = this.#collision(request);
    if (refusal !== undefined) return refusal;
    const role = request.role ?? (token.value.value.Role === "server" ? this.#deps.neededRole() : "client");
    const signed = this.#sign({ nodeId: request.nodeId, role }, request);
    if (!signed.ok) return signed;
    const { member, grant } = signed.value;
    const use = tokens.use(token.value);
    const { ok, revision } = await store.txn({
      compare: [use.compare, absent(clusterMembers, GLOBAL, request.nodeId)],
      then: [use.op, putMember(member)],
    });
    await view.reached(revision);
    if (!ok) return this.join(request);
    env.log.info("a node joined the cluster", { node: request.nodeId, name: request.nodeName, role });
    return succeed({ ...grant, role });
  }

  /** A new certificate for a member. Fails with `not_member` or `bad_request`. */
  async renew(peer: Peer, request: RenewRequest): Promise<Result<Grant>> {
    const before = this.get(peer.nodeId);
    if (before === undefined)
      return fail(
        "not_member",
        `node ${peer.nodeId} was taken out of the cluster`,
        "remove the folder `cluster` in its data folder and join again",
      );
    return this.admit({ nodeId: peer.nodeId, role: before.Role }, request);
  }

  /** A certificate for a node that is trusted already. Fails with `bad_request`. */
  async admit(peer: Peer, request: RenewRequest): Promise<Result<Grant>> {
    const signed = this.#sign(peer, request);
    if (!signed.ok) return signed;
    const { store, view } = this.#deps;
    const { revision } = await store.txn({ then: [putMember(signed.value.member)] });
    await view.reached(revision);
    return succeed(signed.value.grant);
  }

  /** A member is to be found at another address: `host:port` of its internal API. */
  async arrived(nodeId: string, internal: string): Promise<void> {
    const known = this.get(nodeId);
    if (known === undefined || known.Address === internal) return;
    const { revision } = await this.#deps.store.txn({ then: [putMember({ ...known, Address: internal })] });
    await this.#deps.view.reached(revision);
  }

  /** Its certificate is not renewed any more, and its node id may join again. Fails with `not_found`. */
  async forget(nodeId: string): Promise<Result<void>> {
    if (this.get(nodeId) === undefined) return fail("not_found", `no member has the node id ${nodeId}`);
    const { revision } = await this.#deps.store.txn({ then: [remove(clusterMembers, GLOBAL, nodeId)] });
    await this.#deps.view.reached(revision);
    return succeed(undefined);
  }

  /** Why a node that comes cannot be called so; undefined: it can. */
  nameTaken(nodeName: string): Result<never> | undefined {
    const namesake = this.list().find(({ Name }) => Name === nodeName);
    if (namesake === undefined) return undefined;
    return fail(
      "name_taken",
      `another node of the cluster is called ${nodeName} (${namesake.Address}, node id ${namesake.NodeID})`,
      `give this one another (-name; \`hostname\` in the firmware's seed file), or \`lares member forget ${namesake.NodeID}\` if that one is gone for good`,
    );
  }

  #collision({ nodeId, nodeName }: JoinRequest): Result<never> | undefined {
    const known = this.get(nodeId);
    if (known !== undefined)
      return fail(
        "node_known",
        `the node id ${nodeId} belongs to ${known.Name} (${known.Address}) already: is this a copy of its disk?`,
        `on a copied machine remove the folder \`client\` in its data folder and join again; if ${known.Name} itself was set up anew, \`lares member forget ${nodeId}\` on a server first`,
      );
    return this.nameTaken(nodeName);
  }

  #sign(peer: Peer, request: RenewRequest): Result<{ readonly member: ClusterMember; readonly grant: Grant }> {
    const { authorities, env } = this.#deps;
    const { clusterId, region } = this.#deps.cluster();
    const publicKey = readPublicKey(request.publicKey);
    if (publicKey === undefined) return fail("bad_request", "publicKey is no key of the kind EC or Ed25519, as PEM");
    const hash = publicKey.asymmetricKeyType === "ec" ? "sha256" : null;
    const said = utf8(proofText(peer.nodeId, request.publicKey));
    if (!verify(hash, said, publicKey, Buffer.from(request.proof, "base64")))
      return fail("bad_request", "proof was not made with the key that the certificate is for");
    const addresses = ["127.0.0.1", "::1", ...request.addresses].map(addressBytes);
    const bytes = addresses.filter((each) => each !== undefined);
    if (bytes.length < addresses.length)
      return fail("bad_request", `addresses ${JSON.stringify(request.addresses)}: expected IP addresses`);
    const names = certificateNames(peer, { region, nodeName: request.nodeName });
    const signed = authorities.sign({ publicKey, names, addresses: bytes });
    const before = this.get(peer.nodeId);
    const JoinedMs = before?.JoinedMs ?? env.clock.nowMs();
    const member = memberOf(peer, request, { signed, JoinedMs, Trusts: authorities.list().map(({ ID }) => ID) });
    const grant = {
      certificate: signed.certificate,
      authorities: authorities.bundle(),
      trust: authorities.trust,
      clusterId,
      region,
    };
    return succeed({ member, grant });
  }
}

function memberOf(
  { nodeId, role }: Peer,
  { nodeName, internal }: RenewRequest,
  { signed, ...rest }: { readonly signed: SignedCertificate } & Pick<ClusterMember, "JoinedMs" | "Trusts">,
): ClusterMember {
  const Role: MemberRole = role;
  const { serial: Serial, issuer: Issuer, endsMs: EndsMs } = signed;
  return { NodeID: nodeId, Name: nodeName, Role, Serial, Issuer, EndsMs, Address: internal, ...rest };
}

function skewOf(theirMs: number, ourMs: number): Result<never> | undefined {
  const offMs = theirMs - ourMs;
  if (Math.abs(offMs) <= MAX_SKEW_MS) return undefined;
  const amount = `${Math.round(Math.abs(offMs) / 1000)} s`;
  return fail(
    "clock_skew",
    `this machine's clock is ${amount} ${offMs > 0 ? "ahead of" : "behind"} the server's (${new Date(ourMs).toISOString()})`,
    "set the clocks right (`timedatectl set-ntp true`, or `chronyc makestep`), then join again",
  );
}

/** Without the zone that a link-local address may carry. */
function addressBytes(text: string): Uint8Array | undefined {
  const bytes = ipv4Bytes(text) ?? ipv6Bytes(text.replace(/%.*$/, ""));
  return bytes === undefined ? undefined : Uint8Array.from(bytes);
}

function putMember(value: ClusterMember) {
  return put(clusterMembers, { namespace: GLOBAL, id: value.NodeID }, value);
}
