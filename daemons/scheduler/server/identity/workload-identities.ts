import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { isTerminalClientStatus } from "#base/protocol/alloc.ts";
import { DEFAULT_IDENTITY, DEFAULT_IDENTITY_NAME, type Identity } from "#base/protocol/identity.ts";
import type { Task } from "#base/protocol/task.ts";
import { allocs } from "#base/state/tables.ts";
import type { SignedIdentity } from "../../link.ts";
import { clientStatus } from "../alloc-state.ts";
import { publicJwk } from "../keyring/key-material.ts";
import type { KeyUser } from "../keyring/keyring.ts";
import type { ServerContext } from "../server-context.ts";
import { signJwt } from "./jws.ts";
import { claimsOf, keysOf, LEEWAY_S, OWN_AUDIENCE } from "./signing-keys.ts";

/** Who an identity says that a task is. */
export interface Workload {
  readonly namespace: string;
  /** Of a child: its parent's, whose policies and variables it shares. */
  readonly jobId: string;
  readonly group: string;
  readonly task: string;
  readonly allocId: string;
  /** Of this program, that the task runs as; empty: none. */
  readonly role: string;
}

export interface IdentityIssuer {
  readonly region: string;
  /** Empty: the claim is left out. */
  readonly issuer: string;
}

const ClaimsSchema = v.object({
  nomad_namespace: v.string(),
  nomad_job_id: v.string(),
  nomad_allocation_id: v.string(),
  nomad_task: v.string(),
  aud: v.union([v.string(), v.array(v.string())]),
  nbf: v.nullish(v.number(), 0),
  exp: v.nullish(v.number(), Infinity),
});

/** Signs what tasks prove themselves with, and reads it. https://developer.hashicorp.com/nomad/docs/concepts/workload-identity */
export class WorkloadIdentities {
  readonly #server: ServerContext;
  readonly #issuer: IdentityIssuer;

  constructor(server: ServerContext, issuer: IdentityIssuer) {
    this.#server = server;
    this.#issuer = issuer;
    server.keyring.register(identityKeys(server));
  }

  /**
   * The identities of a task of an allocation: the default one and those its job asks for. Fails with `not_found` for an
   * allocation or task that is unknown, `terminal` for one that is over.
   */
  async sign(allocId: string, task: string, names?: readonly string[]): Promise<Result<readonly SignedIdentity[]>> {
    const found = this.#find(allocId, task);
    if (!found.ok) return found;
    const { workload, identities } = found.value;
    const wanted = identities.filter(({ Name }) => names === undefined || names.includes(Name));
    if (wanted.some(({ Name }) => Name !== DEFAULT_IDENTITY_NAME)) await this.#server.keyring.settled();
    return succeed(wanted.map((identity) => this.#signOne(workload, identity)));
  }

  /** Fails with `bad_identity` when it is not one of ours, `expired_token` when it or its allocation is over. */
  verify(token: string): Result<Workload> {
    const bad = fail("bad_identity", "ACL token not found");
    const claims = v.safeParse(ClaimsSchema, claimsOf(this.#server.keyring, token));
    if (!claims.success) return bad;
    const { aud, nbf, exp, nomad_allocation_id: allocId, nomad_task: task } = claims.output;
    const nowS = this.#server.env.clock.nowMs() / 1000;
    // One that is meant for somebody else must not open this API to them.
    if (![aud].flat().includes(OWN_AUDIENCE) || nbf > nowS + LEEWAY_S) return bad;
    if (exp <= nowS - LEEWAY_S) return fail("expired_token", "ACL token expired");
    const found = this.#find(allocId, task);
    if (!found.ok) return found.error.code === "terminal" ? fail("expired_token", "allocation is terminal") : bad;
    const { workload } = found.value;
    const isSame =
      workload.namespace === claims.output.nomad_namespace && workload.jobId === claims.output.nomad_job_id;
    return isSame ? succeed(workload) : bad;
  }

  /** All public keys, as a JSON Web Key Set (RFC 7517). */
  jwks(): readonly Readonly<Record<string, unknown>>[] {
    return this.#server.keyring.list().flatMap(({ id }) => {
      const open = this.#server.keyring.find(id);
      return open === undefined
        ? []
        : keysOf(open).all.map(({ kid, alg, key }) => ({ use: "sig", kid, alg, ...publicJwk(key) }));
    });
  }

  #signOne(workload: Workload, { Name, Audience, TTL }: Identity): SignedIdentity {
    const { env, keyring } = this.#server;
    const { region, issuer } = this.#issuer;
    const nowS = Math.floor(env.clock.nowMs() / 1000);
    const audience = Name === DEFAULT_IDENTITY_NAME && Audience.length === 0 ? [OWN_AUDIENCE] : Audience;
    const ttlS = Math.floor(TTL / 1e9);
    const { namespace, jobId, group, task, allocId } = workload;
    const claims = {
      ...(issuer === "" ? {} : { iss: issuer }),
      sub: [region, namespace, jobId, group, task, Name].join(":"),
      ...(audience.length === 0 ? {} : { aud: audience.length === 1 ? audience[0] : audience }),
      iat: nowS,
      nbf: nowS,
      ...(ttlS === 0 ? {} : { exp: nowS + ttlS }),
      jti: env.random.uuid(),
      nomad_namespace: namespace,
      nomad_job_id: jobId,
      nomad_allocation_id: allocId,
      nomad_task: task,
    };
    const { own, rsa } = keysOf(keyring.active());
    const key = Name === DEFAULT_IDENTITY_NAME ? own : (rsa ?? own);
    return { name: Name, token: signJwt(claims, key), expiresMs: ttlS === 0 ? 0 : (nowS + ttlS) * 1000 };
  }

  #find(
    allocId: string,
    taskName: string,
  ): Result<{ readonly workload: Workload; readonly identities: readonly Identity[] }> {
    const { state } = this.#server;
    const row = state.allocById(allocId);
    if (row === undefined) return fail("not_found", `unknown allocation ${JSON.stringify(allocId)}`);
    if (isTerminalClientStatus(clientStatus(state.known(row)))) return fail("terminal", "allocation is terminal");
    const { Namespace: namespace, JobID, JobVersion, TaskGroup: group } = row.value;
    const job = state.jobVersion(namespace, JobID, JobVersion)?.value;
    const task = job?.TaskGroups.find(({ Name }) => Name === group)?.Tasks.find(({ Name }) => Name === taskName);
    if (job === undefined || task === undefined) return fail("not_found", `unknown task ${JSON.stringify(taskName)}`);
    const jobId = job.ParentID === "" ? job.ID : job.ParentID;
    const identities = [task.Identity ?? DEFAULT_IDENTITY, ...task.Identities];
    const role = roleOf(task);
    return succeed({ workload: { namespace, jobId, group, task: taskName, allocId: row.id, role }, identities });
  }
}

/** A retired key may have signed for every allocation that is older than its retirement and still lives. */
function identityKeys({ state }: ServerContext): KeyUser {
  return {
    name: "workload identities",
    uses({ RetireTime }) {
      for (const row of state.view.table(allocs).list()) {
        if (row.value.CreateTime >= RetireTime) continue;
        if (!isTerminalClientStatus(clientStatus(state.known(row)))) return true;
      }
      return false;
    },
    rekey: () => Promise.resolve(),
  };
}

function roleOf({ Driver, Config }: Task): string {
  const role = Driver === "lares" ? Config["role"] : undefined;
  return typeof role === "string" ? role : "";
}
