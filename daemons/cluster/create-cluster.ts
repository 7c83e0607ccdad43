import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { ClusterIdentity } from "#base/protocol/cluster.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { absent, put } from "#base/state/codec.ts";
import type { Compare, Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { clusterIdentities } from "#base/state/tables.ts";
import { Admissions } from "./admissions.ts";
import { Authorities, type Seals } from "./authorities.ts";
import { JoinTokens } from "./join-tokens.ts";
import { Members } from "./members.ts";

export interface ClusterDeps {
  readonly env: Env;
  readonly store: Store;
  readonly view: View;
  readonly seals: Seals;
  readonly makeKey: () => Promise<string>;
  readonly region: string;
  /** `host:port` of the servers' internal APIs, this one's first. */
  readonly servers: () => readonly string[];
  /** Whether a server with this name is known to have gone. Default: none is. */
  readonly isGone?: (name: string) => boolean;
  /** Compares that hold while this server may look after the authorities. Default: none. */
  readonly fence?: () => readonly Compare[];
}

/** Who belongs to the cluster, as its servers keep it. */
export interface Cluster {
  readonly env: Env;
  readonly authorities: Authorities;
  readonly tokens: JoinTokens;
  readonly members: Members;
  readonly admissions: Admissions;
  readonly identity: ClusterIdentity | undefined;
  servers(): readonly string[];
  /** Makes the cluster, if it is none yet. */
  found(): Promise<ClusterIdentity>;
  /** Makes a new authority that takes over once all members trust it. False: one is on its way already. */
  rotate(): Promise<boolean>;
  /** Looks after the authorities. Never rejects. */
  review(): Promise<void>;
  startLeading(): void;
  stopLeading(): void;
}

const CURRENT = "current";
const REVIEW_MS = 600_000;

export function createCluster(deps: ClusterDeps): Cluster {
  const { env, store, view, region, fence = () => [], isGone = () => false } = deps;
  const authorities = new Authorities({ ...deps, fence });
  const tokens = new JoinTokens(deps);
  const identityOf = (): ClusterIdentity | undefined => view.table(clusterIdentities).get(GLOBAL, CURRENT)?.value;
  const cluster = (): { clusterId: string; region: string } => ({ clusterId: identityOf()?.ClusterID ?? "", region });
  const members = new Members({ ...deps, authorities, tokens, cluster, neededRole: () => admissions.neededRole() });
  const admissions = new Admissions({ env, store, view, authorities, tokens, members, cluster, isGone });
  let timer: Timer | undefined;
  let reviewing: Promise<void> = Promise.resolve();
  const review = (): Promise<void> => {
    if (timer === undefined) return Promise.resolve();
    reviewing = reviewing
      .then(() => authorities.review(cluster().clusterId))
      .catch((thrown: unknown) => {
        env.log.warn("the cluster's authorities could not be looked after", { error: messageOf(thrown) });
      });
    return reviewing;
  };
  const arm = (): void => {
    timer = env.clock.after(REVIEW_MS, () => void review().then(() => timer !== undefined && arm()));
  };
  return {
    env,
    authorities,
    tokens,
    members,
    admissions,
    get identity() {
      return identityOf();
    },
    servers: deps.servers,
    async found() {
      const known = identityOf();
      if (known !== undefined && authorities.active !== undefined) return known;
      const identity = known ?? { ClusterID: env.random.uuid(), Region: region, CreatedMs: env.clock.nowMs() };
      const { revision } = await store.txn({
        compare: [absent(clusterIdentities, GLOBAL, CURRENT)],
        then: [put(clusterIdentities, { namespace: GLOBAL, id: CURRENT }, identity)],
      });
      await view.reached(revision);
      if (authorities.active === undefined) await authorities.begin(identity.ClusterID);
      return identityOf() ?? identity;
    },
    rotate: async () => (await authorities.rotate(cluster().clusterId)) !== undefined,
    review,
    startLeading: () => timer ?? arm(),
    stopLeading() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
