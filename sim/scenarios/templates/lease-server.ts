import { textOf } from "#base/env/bytes.ts";
import type { Clock } from "#base/env/clock.ts";
import type { Exchange } from "#base/http/exchange.ts";

const LEASE_S = 20;
const LONGEST_S = 60;

interface Lease {
  readonly user: string;
  readonly bornMs: number;
  endsMs: number;
}

/** Credentials with leases, as Vault's database engine lends them: 20 s, renewed up to a minute in all. */
export class LeaseServer {
  readonly #clock: Clock;
  readonly #life: number;
  readonly #leases = new Map<string, Lease>();
  #issued = 0;

  constructor(clock: Clock, life: number) {
    this.#clock = clock;
    this.#life = life;
  }

  /** The credentials may be used now. */
  isGood(user: string): boolean {
    const now = this.#clock.monotonicMs();
    return [...this.#leases.values()].some((lease) => lease.user === user && lease.endsMs > now);
  }

  readonly exchange: Exchange = async (request) => {
    let body = "";
    for await (const part of request.body) body += textOf(part);
    const { url } = request;
    if (url.startsWith("/v1/sys/leases/renew")) return this.#renew(/"lease_id":"([^"]*)"/.exec(body)?.[1] ?? "");
    if (url.startsWith("/v1/database/creds/app")) return this.#lend();
    return json(404, { errors: [] });
  };

  #lend() {
    const id = `${this.#life}-${++this.#issued}`;
    const now = this.#clock.monotonicMs();
    const user = `user-${id}`;
    this.#leases.set(id, { user, bornMs: now, endsMs: now + LEASE_S * 1000 });
    return json(200, { lease_id: id, lease_duration: LEASE_S, renewable: true, data: { username: user } });
  }

  #renew(id: string) {
    const lease = this.#leases.get(id);
    const now = this.#clock.monotonicMs();
    if (lease === undefined || lease.endsMs < now) return json(400, { errors: ["lease not found"] });
    lease.endsMs = Math.min(now + LEASE_S * 1000, lease.bornMs + LONGEST_S * 1000);
    const left = Math.floor((lease.endsMs - now) / 1000);
    return json(200, { lease_id: id, lease_duration: left, renewable: true });
  }
}

function json(status: number, body: unknown) {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
