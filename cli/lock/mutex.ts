import { foundOf, valueOf } from "../api/answer.ts";
import type { ConsulSession } from "../api/session.ts";
import { ChangeOf, misused, type Contender } from "./contender.ts";

/** What marks a key as a lock of this kind: https://pkg.go.dev/github.com/hashicorp/consul/api#pkg-constants */
const LOCK_FLAG = 0x2ddccbc058a50c18n;

/** One holder at a time: whoever's session holds the key. */
export function createMutex(session: ConsulSession, prefix: string): Contender {
  const { consul } = session;
  const key = `${prefix}/.lock`;
  const change = new ChangeOf(session, key);
  const read = async () => {
    const [pair] = foundOf(await consul.kv.get(key)) ?? [];
    if (pair !== undefined && BigInt(pair.Flags) !== LOCK_FLAG) throw misused(key);
    return pair;
  };
  return {
    async tryAcquire(id) {
      const pair = await read();
      const holder = pair?.Session ?? "";
      if (holder !== "" && holder !== id) return undefined;
      const taken = valueOf(await consul.kv.put(key, "", { flags: LOCK_FLAG, acquire: id }));
      return taken ? BigInt((await read())?.LockIndex ?? 0) : undefined;
    },
    waitForChange: (signal) => change.wait(signal),
    async isHeld(id) {
      return (await read())?.Session === id;
    },
    async release(id) {
      await consul.kv.put(key, "", { flags: LOCK_FLAG, release: id });
      const pair = await read();
      // Nobody waits for it: then it leaves nothing behind.
      if (pair !== undefined && (pair.Session ?? "") === "") await consul.kv.delete(key, { cas: pair.ModifyIndex });
    },
  };
}
