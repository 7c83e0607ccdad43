import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Log } from "#base/env/log.ts";
import { keyPath } from "../dependencies/request.ts";
import { followQuery, type BlockingOptions } from "../sources/blocking.ts";
import type { LockSession } from "./lock-session.ts";

export interface ElectionOptions {
  /** How Consul is asked. */
  readonly blocking: BlockingOptions;
  readonly log: Log;
  readonly session: LockSession;
  /** The key whose holder leads. */
  readonly lock: string;
  /** The session that holds the lock, empty: none; whether it is ours. Called for every change, and once at the beginning. */
  readonly onHolder: (holder: string, isOurs: boolean) => void;
  /** Consul cannot be asked; `retryMs` undefined: nobody tries any more. */
  readonly onFailure: (message: string, retryMs: number | undefined) => void;
}

/** Between two tries to get a lock that nobody holds: it may be delayed after its holder went. */
const AGAIN_MS = 500;
const TIMEOUT_MS = 10_000;

const HolderSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(v.object({ Session: v.nullish(v.string(), "") })),
  v.transform((pairs) => pairs[0]?.Session ?? ""),
);

/**
 * Takes part in the election of one leader by a lock (https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions/application-leader-election)
 * until the signal aborts. Whoever the key names leads: what the server says counts, not what was asked of it.
 */
export async function takePart(options: ElectionOptions, signal: AbortSignal): Promise<void> {
  const { blocking, lock, session, onHolder, onFailure } = options;
  let holder: string | undefined;
  let contending: Promise<void> = Promise.resolve();
  const unheld = (): boolean => holder === "" && !signal.aborted;
  await followQuery<string>(
    {
      request: { path: keyPath(lock), query: {}, blocks: true },
      read: (body) => (body === undefined ? "" : v.parse(HolderSchema, body)),
    },
    {
      ...blocking,
      // Only the leading server knows who holds a lock.
      maxStaleMs: 0,
      sink: {
        value: (newest) => {
          holder = newest;
          if (newest === "") contending = contending.then(() => contend(options, unheld, signal));
          else onHolder(newest, newest === session.current);
        },
        failed: onFailure,
      },
    },
    signal,
  );
  await contending;
}

async function contend(options: ElectionOptions, unheld: () => boolean, signal: AbortSignal): Promise<void> {
  const { session, lock, log, onHolder } = options;
  const { api, clock } = options.blocking;
  while (unheld()) {
    const held = await session.ensure();
    if (signal.aborted) return;
    if (held.ok) {
      const id = held.value;
      const query = { acquire: id };
      const answer = await api.send({
        method: "PUT",
        path: keyPath(lock),
        query,
        body: "",
        signal,
        timeoutMs: TIMEOUT_MS,
      });
      if (signal.aborted) return;
      // The watch sees it, too; but that may take a moment.
      if (answer.ok && answer.value.status === 200 && answer.value.text.trim() === "true") return;
      if (answer.ok && answer.value.status >= 400 && /session/i.test(answer.value.text)) session.lost(id);
    } else log.warn("cannot take part in de-duplication", { lock, error: held.error.message });
    // Nobody leads as long as nobody can have the lock.
    if (unheld()) onHolder("", false);
    await sleep(clock, AGAIN_MS, signal);
  }
}
