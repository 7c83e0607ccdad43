import { isDeepStrictEqual } from "node:util";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { TlsOptions } from "#base/env/net.ts";
import type { ListenerTls } from "#base/platform/listener-tls.ts";
import type { Grant, RenewRequest } from "#daemons/cluster/calls.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { isGoodFor, lifeOf, proofOf, writeMembership, type Membership } from "./membership.ts";

/** Share of a certificate's life after which it is renewed, and the longest time: one from a clock that was ahead ends too late. */
const RENEW_AT = 1 / 3;
const RENEW_AFTER_MS = 60 * 86_400_000;
const LOOK_EVERY_MS = 3_600_000;
const RETRY_MS = 30_000;

export interface CertificateKeeperDeps {
  readonly env: Env;
  readonly dataDir: string;
  readonly nodeName: string;
  readonly addresses: readonly string[];
  /** `host:port` of its internal API. */
  readonly internal: string;
  /** Gets a new certificate. Rejects when that is not possible now. */
  readonly ask: (request: RenewRequest) => Promise<Grant>;
}

/** This node's certificate, and whom it trusts: renewed long before it ends, and whenever the cluster's authorities change. */
export class CertificateKeeper {
  readonly #deps: CertificateKeeperDeps;
  readonly #listeners = new Set<() => void>();
  #membership: Membership;
  #renewing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  #heardMeanwhile: string | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: CertificateKeeperDeps, membership: Membership) {
    this.#deps = deps;
    this.#membership = membership;
  }

  get membership(): Membership {
    return this.#membership;
  }

  /** For whoever dials other nodes. */
  readonly tls = (): TlsOptions => {
    const { authorities: ca, certificate: cert, key } = this.#membership;
    return { ca, cert, key };
  };

  /** For whoever is dialled: clients without a certificate, or with another, are told so. */
  listenerTls(): ListenerTls {
    const { authorities: clientCa, certificate: cert, key } = this.#membership;
    return { cert, key, clientCa, client: "ask" };
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  start(): void {
    this.#look();
    // It has another address than when the certificate was made.
    if (!isGoodFor(this.#membership, this.#deps.addresses)) void this.renew();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#renewing;
    await this.#writing;
  }

  /** What a server last said: whom all trust, and which servers there are. */
  heard({ trust, servers }: { readonly trust: string; readonly servers: readonly string[] }): void {
    // What is on its way may have been signed before.
    if (this.#renewing !== undefined) this.#heardMeanwhile = trust;
    if (trust !== this.#membership.trust) void this.renew();
    if (servers.length > 0 && !isDeepStrictEqual([...servers], this.#membership.servers))
      void this.#keep({ ...this.#membership, servers: [...servers] });
  }

  /** Never rejects: what failed is tried again later. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
      const trust = this.#heardMeanwhile;
      this.#heardMeanwhile = undefined;
      if (trust !== undefined && trust !== this.#membership.trust && !this.#stopped) void this.renew();
    });
    return this.#renewing;
  }

  #look(): void {
    if (this.#stopped) return;
    const { clock } = this.#deps.env;
    const nowMs = clock.nowMs();
    const { fromMs, toMs } = lifeOf(this.#membership);
    // Had later than now: the clock was set back, and the end is too far off.
    const isDue = nowMs < fromMs || nowMs > fromMs + Math.min((toMs - fromMs) * RENEW_AT, RENEW_AFTER_MS);
    if (isDue) void this.renew();
    this.#timer = clock.after(isDue ? RETRY_MS : LOOK_EVERY_MS, () => this.#look());
  }

  async #renew(): Promise<void> {
    const { env, nodeName, addresses, internal, ask } = this.#deps;
    try {
      const key = await makeEcKey();
      const proof = proofOf(this.#membership.nodeId, key);
      const grant = await ask({ ...proof, nodeName, addresses: [...addresses], internal });
      const { certificate, authorities, trust, region } = grant;
      const issuedMs = env.clock.nowMs();
      await this.#keep({ ...this.#membership, certificate, issuedMs, key, authorities, trust, region });
      env.log.info("this node has a new certificate", { until: new Date(lifeOf(this.#membership).toMs).toISOString() });
    } catch (thrown) {
      if (!this.#stopped)
        env.log.warn("this node's certificate could not be renewed yet", { error: messageOf(thrown) });
    }
  }

  async #keep(membership: Membership): Promise<void> {
    const { env, dataDir } = this.#deps;
    this.#membership = membership;
    for (const listener of this.#listeners) listener();
    // One after the other: the newest is what stays.
    this.#writing = this.#writing.then(() =>
      writeMembership(env.disk, dataDir, membership).catch((thrown: unknown) => {
        env.log.error("this node's certificate cannot be kept on disk", { error: messageOf(thrown) });
      }),
    );
    await this.#writing;
  }
}
