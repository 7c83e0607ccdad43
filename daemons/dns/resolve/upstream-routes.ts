import type { Settings } from "../settings/settings.ts";
import type { Forwarder } from "../upstream/forwarder.ts";
import { ServerPool, type UpstreamEnv } from "../upstream/server-pool.ts";
import { Routes } from "./routes.ts";

/** Nothing of this program runs before; a clock that says so was never set (there is no battery behind it). */
const EARLIEST_MS = Date.UTC(2025, 0, 1);

/** Who is asked about which name for whom, made of the settings once. */
export class UpstreamRoutes {
  readonly problems: readonly string[];
  readonly timeoutMs: number;
  readonly #env: UpstreamEnv;
  readonly #pool: ServerPool;
  readonly #routes: Routes;
  readonly #hasEncrypted: boolean;
  /** Servers that clients have for themselves; route n is the n-th, 0 the household's. */
  readonly #ofClients = new Map<string, number>();
  readonly #clientForwarders: Forwarder[] = [];

  constructor(
    env: UpstreamEnv,
    settings: Settings,
    { ca, consul }: { readonly ca: string | undefined; readonly consul: string },
  ) {
    const { upstream, conditional, clients } = settings;
    this.#env = env;
    this.timeoutMs = upstream.timeoutMs;
    const bootstrap = upstream.bootstrap.length > 0 ? upstream.bootstrap : upstream.servers;
    this.#pool = new ServerPool(env, { ...upstream, ca, bootstrap });
    const household = this.#pool.forwarder(upstream.servers);
    this.#routes = new Routes(household);
    this.#hasEncrypted = household.servers.every(
      ({ address }) => address.protocol === "tls" || address.protocol === "https",
    );
    const problems: string[] = [];
    if (consul !== "") this.#routes.add("consul", this.#pool.forwarder([consul], "failover"));
    for (const { match, servers, enabled } of conditional)
      if (enabled && !this.#routes.add(match, this.#pool.forwarder(servers)))
        problems.push(`conditional ${JSON.stringify(match)} is neither a domain nor a network`);
    for (const { servers } of clients) this.#addClient(servers);
    this.problems = [...problems, ...this.#pool.problems];
  }

  /** `about` is asked for its name only where names matter. */
  of(about: { text(): string }, route: number): Forwarder {
    const conditional = this.#routes.isPlain ? undefined : this.#routes.conditional(about.text());
    if (conditional !== undefined) return conditional;
    const own = route === 0 ? undefined : this.#clientForwarders[route - 1];
    if (own !== undefined) return own;
    // Certificates are not valid yet in 1970; and the time server's name has to be found to learn better.
    const isUnset = this.#hasEncrypted && this.#env.clock.nowMs() < EARLIEST_MS;
    return isUnset && this.#pool.bootstrap.servers.length > 0 ? this.#pool.bootstrap : this.#routes.household;
  }

  isConditional(name: string): boolean {
    return this.#routes.conditional(name) !== undefined;
  }

  routeOf(servers: readonly string[]): number {
    return this.#ofClients.get(servers.join(" ")) ?? 0;
  }

  servers(): readonly { readonly server: string; readonly rttMs: number; readonly isDead: boolean }[] {
    const nowMs = this.#env.clock.monotonicMs();
    return [...this.#pool.servers].map((server) => ({
      server: server.address.text,
      rttMs: server.isMeasured ? server.rttMs : 0,
      isDead: server.isDead(nowMs),
    }));
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #addClient(servers: readonly string[]): void {
    const key = servers.join(" ");
    if (servers.length === 0 || this.#ofClients.has(key)) return;
    this.#clientForwarders.push(this.#pool.forwarder(servers));
    this.#ofClients.set(key, this.#clientForwarders.length);
  }
}
