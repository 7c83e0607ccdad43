import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { LeaseChange } from "../answer/decision.ts";
import type { Lease } from "../leases/lease.ts";
import { GroupCommit } from "./group-commit.ts";
import { MAX_WAITING, type Keeper, type Kept } from "./keeper.ts";
import type { LeaseLog } from "./lease-log.ts";

export interface LocalKeeperDeps {
  readonly env: Env;
  readonly log: LeaseLog;
  /** All there are, for a fresh log. */
  readonly leases: () => IterableIterator<Lease>;
}

/** Leases in this instance's own log: one instance, or none that shares. */
export function createLocalKeeper({ env, log, leases }: LocalKeeperDeps): Keeper {
  const write = async (puts: readonly Lease[]): Promise<readonly Kept[]> => {
    try {
      await log.append(puts.map((put) => ({ put })));
      await log.foldWhereDue(leases);
      return puts.map(() => "kept");
    } catch (thrown) {
      env.log.error("leases could not be written, and so nobody is told", { error: messageOf(thrown) });
      return puts.map(() => "failed");
    }
  };
  const group = new GroupCommit<Lease, Kept>({ write, limit: MAX_WAITING, refused: "failed" });
  return {
    keep: (change: LeaseChange) => group.add(change.lease),
    async restamp(changed) {
      await Promise.all(changed.map((lease) => group.add(lease)));
    },
    async close() {
      await group.idle();
      await log.close();
    },
  };
}
