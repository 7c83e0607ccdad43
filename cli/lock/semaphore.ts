import * as v from "valibot";
import { CodedError } from "#base/env/errors.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import type { ConsulSession } from "../api/session.ts";
import { ChangeOf, misused, type Contender } from "./contender.ts";

/** As the lock's: what marks the keys of a semaphore. */
const SEMAPHORE_FLAG = 0xe0f69a2baa414de0n;
const StateSchema = v.object({ Limit: v.number(), Holders: v.nullish(v.record(v.string(), v.boolean()), () => ({})) });
type State = v.InferOutput<typeof StateSchema>;

interface Read {
  readonly state: State;
  readonly index: number;
  /** Sessions whose entry is theirs. */
  readonly alive: ReadonlySet<string>;
}

/**
 * At most `limit` holders: each has an entry its session holds, and the holders are a list that is changed by compare-and-swap
 * (https://developer.hashicorp.com/consul/docs/automate/semaphore).
 */
export function createSemaphore(session: ConsulSession, prefix: string, limit: number): Contender {
  const { consul } = session;
  const lockKey = `${prefix}/.lock`;
  const change = new ChangeOf(session, `${prefix}/`);
  const read = async (): Promise<Read> => {
    const pairs = foundOf(await consul.kv.list(`${prefix}/`)) ?? [];
    for (const pair of pairs) if (BigInt(pair.Flags) !== SEMAPHORE_FLAG) throw misused(pair.Key);
    const lock = pairs.find((pair) => pair.Key === lockKey);
    const alive = new Set(pairs.flatMap((pair) => (pair.Key === lockKey ? [] : [pair.Session ?? ""])));
    if (lock === undefined) return { state: { Limit: limit, Holders: {} }, index: 0, alive };
    const state = v.parse(StateSchema, JSON.parse(Buffer.from(lock.Value, "base64").toString()));
    if (state.Limit !== limit)
      throw new CodedError(
        "lock_limit",
        `${prefix} is a semaphore of ${state.Limit}, not of ${limit}`,
        "use the same -n",
      );
    return { state, index: lock.ModifyIndex, alive };
  };
  const write = async (holders: readonly string[], index: number): Promise<boolean> => {
    const state: State = { Limit: limit, Holders: Object.fromEntries(holders.map((holder) => [holder, true])) };
    return valueOf(await consul.kv.put(lockKey, JSON.stringify(state), { flags: SEMAPHORE_FLAG, cas: index }));
  };
  return {
    async tryAcquire(id) {
      const entry = `${prefix}/${id}`;
      valueOf(await consul.kv.put(entry, "", { flags: SEMAPHORE_FLAG, acquire: id }));
      const { state, index, alive } = await read();
      const holders = Object.keys(state.Holders).filter((holder) => alive.has(holder));
      if (holders.includes(id)) return BigInt(index);
      if (holders.length >= limit || !(await write([...holders, id], index))) return undefined;
      return BigInt((await read()).index);
    },
    waitForChange: (signal) => change.wait(signal),
    async isHeld(id) {
      const { state, alive } = await read();
      return alive.has(id) && state.Holders[id] === true;
    },
    async release(id) {
      for (;;) {
        const { state, index } = await read();
        if (state.Holders[id] !== true) break;
        if (
          await write(
            Object.keys(state.Holders).filter((holder) => holder !== id),
            index,
          )
        )
          break;
      }
      await consul.kv.delete(`${prefix}/${id}`);
    },
  };
}
