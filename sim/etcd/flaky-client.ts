import type { Env } from "#base/env/env.ts";
import { EtcdError, type EtcdApi, type EtcdWatch, type EtcdWatchRequest } from "#base/state/etcd/api.ts";
import type { World } from "../world.ts";
import type { SimEtcd } from "./sim-etcd.ts";

/** How often what goes wrong on the way to etcd, each from 0 to 1. */
export interface Flakiness {
  readonly loseRequest: number;
  readonly loseAnswer: number;
  /** For seconds: it may be carried out long after its sender gave it up. */
  readonly delayRequest: number;
  /** Of a delivery, that the watch ends there. */
  readonly cutWatch: number;
}

export const WELL: Flakiness = { loseRequest: 0, loseAnswer: 0, delayRequest: 0, cutWatch: 0 };

export interface FlakyOptions {
  readonly world: World;
  readonly etcd: SimEtcd;
  /** Of the machine that asks. */
  readonly env: Pick<Env, "clock" | "random">;
  readonly flakiness: () => Flakiness;
}

/** A connection from one machine to an etcd that is well while the way to it is not. */
export function flakyClient({ world, etcd, env, flakiness }: FlakyOptions): EtcdApi {
  const { clock, random } = env;
  let isClosed = false;
  const call = <T>(label: string, timeoutMs: number, run: () => T): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const { loseRequest, loseAnswer, delayRequest } = flakiness();
      const lost = (): void => reject(new EtcdError("unavailable", `${label}: no answer`));
      const timer = clock.after(timeoutMs, lost);
      if (isClosed) return lost();
      if (random.float() < loseRequest) return;
      const wayMs = random.float() < delayRequest ? random.float() * 4000 : random.float() * 4;
      const answers = random.float() >= loseAnswer;
      const backMs = random.float() * 4;
      world.at(wayMs, `etcd ${label}`, () => {
        let answer: () => void;
        try {
          const value = run();
          answer = () => resolve(value);
        } catch (thrown) {
          answer = () => reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
        if (!answers) return;
        clock.after(backMs, () => {
          timer.cancel();
          answer();
        });
      });
    });
  const nowMs = (): number => world.timeMs;
  return {
    txn: (txn, timeoutMs) => call("txn", timeoutMs, () => etcd.txn(txn)),
    range: (request, timeoutMs) => call("range", timeoutMs, () => etcd.range(request)),
    compact: (revision, timeoutMs) => call("compact", timeoutMs, () => etcd.compact(revision)),
    size: (timeoutMs) => call("size", timeoutMs, () => 0),
    grantLease: ({ id, ttlSeconds }, timeoutMs) =>
      call("grant", timeoutMs, () => etcd.grant(id, ttlSeconds * 1000, nowMs())),
    keepLease: (id, timeoutMs) => call("keep", timeoutMs, () => etcd.keep(id, nowMs())),
    revokeLease: (id, timeoutMs) => call("revoke", timeoutMs, () => etcd.revoke(id)),
    watch: (request) => watch({ etcd, env, flakiness }, request),
    close() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}

/** Delivers whole revisions in order, late, several at once; ends without warning, and what it had not delivered is gone with it. */
function watch(
  { etcd, env, flakiness }: Pick<FlakyOptions, "etcd" | "env" | "flakiness">,
  request: EtcdWatchRequest,
): EtcdWatch {
  const { clock, random } = env;
  let next = request.startRevision;
  let isOver = false;
  let isDue = false;
  const end = (reason: Parameters<EtcdWatchRequest["onEnd"]>[0]): void => {
    if (isOver) return;
    isOver = true;
    unfollow();
    request.onEnd(reason);
  };
  const deliver = (): void => {
    isDue = false;
    if (isOver) return;
    if (next < etcd.compactRevision) return end({ kind: "compacted", compactRevision: etcd.compactRevision });
    if (random.float() < flakiness().cutWatch) return end({ kind: "lost", message: "cut" });
    for (; ; next++) {
      const events = etcd.events(next, request.span);
      if (events === undefined) break;
      if (events.length > 0) request.onEvents(events);
    }
  };
  const soon = (): void => {
    if (isDue) return;
    isDue = true;
    clock.after(random.float() * 20, deliver);
  };
  const unfollow = etcd.follow(soon);
  soon();
  return {
    cancel() {
      isOver = true;
      unfollow();
    },
  };
}
