import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, type Result } from "#base/env/errors.ts";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { unpem } from "#base/language/x509/keys.ts";
import type { Authority } from "#base/protocol/cluster.ts";
import type { Sealed } from "#base/protocol/keyring.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { put, remove } from "#base/state/codec.ts";
import type { Compare, Op, Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { authorities, clusterMembers, servers } from "#base/state/tables.ts";

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** An authority that ends within this time gets a successor. */
const SUCCESSOR_DAYS = 730;
const CERTIFICATE_DAYS = 180;
/**
 * From when certificates are good (`notBefore`, RFC 5280, section 4.1.2.5): no clock tells an earlier time, so none that is
 * set back, or is behind the one that signed, finds them not valid yet.
 */
const FROM_MS = 0;
/** A successor signs once all members trust it; one that is away may lose its certificate after this time. */
const PATIENCE_MS = 30 * DAY_MS;

export interface Seals {
  encrypt(plain: Uint8Array, context: string): Sealed;
  decrypt(sealed: Sealed, context: string): Result<Uint8Array>;
}

export interface AuthoritiesDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  /** What keys are sealed with. */
  readonly seals: Seals;
  /** A private key, PKCS #8 as PEM. */
  readonly makeKey: () => Promise<string>;
  /** Compares that hold while this server may change them. */
  readonly fence: () => readonly Compare[];
}

export interface SignRequest {
  readonly publicKey: KeyObject;
  readonly names: readonly string[];
  /** Four bytes or sixteen each. */
  readonly addresses: readonly Uint8Array[];
}

export interface SignedCertificate {
  readonly certificate: string;
  readonly serial: string;
  readonly issuer: string;
  readonly endsMs: number;
}

/** Those who sign the certificates of nodes: usually one, two while one takes over from the other. */
export class Authorities {
  readonly #deps: AuthoritiesDeps;

  constructor(deps: AuthoritiesDeps) {
    this.#deps = deps;
  }

  list(): readonly Authority[] {
    return [...this.#deps.view.table(authorities).list(GLOBAL)].map(({ value }) => value);
  }

  get active(): Authority | undefined {
    return this.list().find(({ State }) => State === "active");
  }

  /** Certificates of all that are trusted, PEM, the signing one first. */
  bundle(): string {
    const order = (one: Authority): number => (one.State === "active" ? 0 : 1);
    const sorted = this.list().toSorted((a, b) => order(a) - order(b) || a.CreatedMs - b.CreatedMs);
    return sorted.map(({ Certificate }) => Certificate).join("");
  }

  /** Changes whenever a node has to fetch certificates again. */
  get trust(): string {
    const ids = this.list().map(({ ID }) => ID);
    return `${this.active?.ID ?? ""}:${ids.toSorted().join(",")}`;
  }

  /** Makes the first one. */
  async begin(clusterId: string): Promise<Authority> {
    const made = await this.#make(clusterId, "active");
    await this.#write([putAuthority(made)]);
    return made;
  }

  /** Makes the next one; it takes over by {@link review}. Undefined: one waits already. */
  async rotate(clusterId: string): Promise<Authority | undefined> {
    if (this.list().some(({ State }) => State === "next")) return undefined;
    const made = await this.#make(clusterId, "next");
    await this.#write([putAuthority(made)]);
    return made;
  }

  /** The certificate does not tell when it was made: whoever gets it has to note that, to have it renewed in time. */
  sign({ publicKey, names, addresses }: SignRequest): SignedCertificate {
    const { env, seals } = this.#deps;
    const { active } = this;
    const key = active === undefined ? undefined : seals.decrypt(active.Key, contextOf(active.ID));
    if (active === undefined || key?.ok !== true)
      throw new CodedError(
        "authority",
        "the cluster's authority cannot sign",
        key?.ok === false ? key.error.message : "",
      );
    const serial = env.random.bytes(16);
    serial[0] = (serial[0] ?? 0) & 0x7f;
    const endsMs = Math.min(env.clock.nowMs() + CERTIFICATE_DAYS * DAY_MS, active.EndsMs);
    const certificate = makeCertificate({
      commonName: names[0] ?? "",
      fromMs: FROM_MS,
      toMs: endsMs,
      serial,
      addresses,
      names,
      isAuthority: false,
      key: publicKey,
      issuer: { certificate: unpem(active.Certificate) ?? new Uint8Array(), key: createPrivateKey(textOf(key.value)) },
    });
    if (certificate === undefined) throw new CodedError("authority", "the cluster's authority cannot sign", "");
    return { certificate, serial: Buffer.from(serial).toString("hex"), issuer: active.ID, endsMs };
  }

  /** Does what is due: a successor is made, takes over, and what it replaced is forgotten. Writes nothing when nothing is. */
  async review(clusterId: string): Promise<void> {
    const { env, view } = this.#deps;
    const nowMs = env.clock.nowMs();
    const members = [...view.table(clusterMembers).list(GLOBAL)].map(({ value }) => value);
    const current = members.filter(({ EndsMs }) => EndsMs > nowMs);
    const { active } = this;
    const next = this.list().find(({ State }) => State === "next");
    if (active !== undefined && next === undefined && active.EndsMs - nowMs < SUCCESSOR_DAYS * DAY_MS)
      await this.rotate(clusterId);
    const etcds = [...view.table(servers).list(GLOBAL)].map(({ value }) => value.EtcdTrusts);
    const isTrusted = (id: string): boolean =>
      current.every(({ Trusts }) => Trusts.includes(id)) &&
      etcds.every((trusts) => trusts === undefined || trusts.split(",").includes(id));
    if (next !== undefined && (isTrusted(next.ID) || nowMs - next.CreatedMs > PATIENCE_MS)) {
      const before: Op[] = active === undefined ? [] : [putAuthority({ ...active, State: "trusted" })];
      await this.#write([...before, putAuthority({ ...next, State: "active" })]);
      env.log.info("the cluster's new authority signs from now on", { authority: next.ID });
      return;
    }
    const unused = this.list().filter(
      ({ ID, State }) => State === "trusted" && !current.some(({ Issuer }) => Issuer === ID),
    );
    // The clock was set back since it was made: patience begins now.
    const early = next !== undefined && next.CreatedMs > nowMs ? [putAuthority({ ...next, CreatedMs: nowMs })] : [];
    const ops = [...early, ...unused.map(({ ID }) => remove(authorities, GLOBAL, ID))];
    if (ops.length > 0) await this.#write(ops);
  }

  /** Whether a key of the keyring is still needed here. */
  uses(keyId: string): boolean {
    return this.list().some(({ Key }) => Key.KeyID === keyId);
  }

  /** Seals anew what this key of the keyring sealed. */
  async rekey(keyId: string): Promise<void> {
    const { seals } = this.#deps;
    const ops = this.list().flatMap((one): Op[] => {
      const key = one.Key.KeyID === keyId ? seals.decrypt(one.Key, contextOf(one.ID)) : undefined;
      return key?.ok === true ? [putAuthority({ ...one, Key: seals.encrypt(key.value, contextOf(one.ID)) })] : [];
    });
    if (ops.length > 0) await this.#write(ops);
  }

  async #make(clusterId: string, State: Authority["State"]): Promise<Authority> {
    const { env, seals, makeKey } = this.#deps;
    const ID = env.random.uuid();
    const pem = await makeKey();
    const CreatedMs = env.clock.nowMs();
    const EndsMs = CreatedMs + AUTHORITY_DAYS * DAY_MS;
    const Certificate = makeCertificate({
      commonName: `Lares cluster ${clusterId.slice(0, 8)} authority ${ID.slice(0, 8)}`,
      fromMs: FROM_MS,
      toMs: EndsMs,
      serial: Uint8Array.of(1),
      addresses: [],
      names: [],
      isAuthority: true,
      key: createPrivateKey(pem),
      issuer: undefined,
    });
    if (Certificate === undefined) throw new CodedError("authority", "no certificate could be made with this key", "");
    return { ID, State, Certificate, Key: seals.encrypt(utf8(pem), contextOf(ID)), CreatedMs, EndsMs };
  }

  async #write(ops: readonly Op[]): Promise<void> {
    const { store, view, fence } = this.#deps;
    const { ok, revision } = await store.txn({ compare: fence(), then: ops });
    if (!ok) throw new CodedError("not_leader", "this server does not lead any more", "ask again");
    await view.reached(revision);
  }
}

/** A public key as a node sends it. Undefined: it is none, or of a kind that is not taken. */
export function readPublicKey(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === "ec" || key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}

function putAuthority(value: Authority): Op {
  return put(authorities, { namespace: GLOBAL, id: value.ID }, value);
}

function contextOf(id: string): string {
  return `authorities/${id}`;
}
