import type { Env } from "#base/env/env.ts";
import type { Session } from "#base/protocol/kv.ts";
import { fencedStore } from "#base/state/leadership/fenced-store.ts";
import type { Compare, Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { AlertKeeper } from "./alerts/alert-keeper.ts";
import { CatalogWriter } from "./catalog/catalog-writer.ts";
import type { DiscoveryConfig } from "./config.ts";
import type { LockDelays } from "./kv/lock-delays.ts";
import { Sessions } from "./kv/sessions.ts";
import { MemberKeeper } from "./membership/member-keeper.ts";
import type { Serf } from "./serf/shell/serf.ts";

export interface LeaderDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly config: DiscoveryConfig;
  readonly delays: LockDelays;
  readonly fence?: () => readonly Compare[];
}

/** What one server does for all of them; everything it writes is fenced. */
export class LeaderParts {
  readonly #deps: LeaderDeps;
  readonly #sessions: Sessions;
  readonly #alerts: AlertKeeper;
  readonly #catalog: CatalogWriter;
  #gossip: { readonly serf: Serf; readonly forgetAfterMs: number } | undefined;
  #members: MemberKeeper | undefined;
  #leads = false;

  constructor(deps: LeaderDeps) {
    const { env, view, delays, config } = deps;
    const store = fencedStore(deps.store, deps.fence ?? (() => []));
    this.#deps = deps;
    this.#sessions = new Sessions({ env, store, view, delays });
    const folder = `${config.dataDir ?? "/tmp"}/alerts`;
    this.#alerts = new AlertKeeper({ env, store, view, rules: config.alerts ?? [], folder });
    this.#catalog = new CatalogWriter(store, view);
  }

  /** Its members are kept in the catalog while this server leads. */
  follow(serf: Serf, forgetAfterMs: number): void {
    this.#gossip = { serf, forgetAfterMs };
    this.#keepMembers();
  }

  /** A holder renewed its session here. */
  renewed(session: Session): void {
    if (this.#leads) this.#sessions.arm(session);
  }

  start(): void {
    if (this.#leads) return;
    this.#leads = true;
    this.#sessions.start();
    this.#alerts.start();
    this.#keepMembers();
  }

  async stop(): Promise<void> {
    if (!this.#leads) return;
    this.#leads = false;
    this.#sessions.stop();
    const members = this.#members;
    this.#members = undefined;
    await Promise.all([members?.stop(), this.#alerts.stop()]);
  }

  #keepMembers(): void {
    if (!this.#leads || this.#gossip === undefined || this.#members !== undefined) return;
    const { env, view, config } = this.#deps;
    const { clock, log } = env;
    const { nodeName, datacenter } = config;
    const { serf, forgetAfterMs } = this.#gossip;
    const catalog = this.#catalog;
    this.#members = new MemberKeeper(serf, { clock, log, view, catalog, nodeName, datacenter, forgetAfterMs });
  }
}
