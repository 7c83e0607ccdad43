import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { TaskExit } from "../driver.ts";
import { exitOf, inspectContainer, isOver } from "./container-state.ts";
import type { Engine } from "./engine.ts";
import { jsonLines } from "./json-lines.ts";

export interface Exits {
  /** Resolves when the container has ended or is gone; waits through an engine that is away. */
  wait(id: string, signal: AbortSignal): Promise<TaskExit>;
  close(): void;
}

const RETRY_FIRST_MS = 200;
const RETRY_LONGEST_MS = 5000;

const EventSchema = v.object({ Actor: v.object({ ID: v.string() }) });

/** Follows the engine's events of ended containers on one connection for all tasks. Whoever waits is looked at after every (re)connection. */
export function createExits(env: Env, engine: Engine): Exits {
  return new EventExits(env, engine);
}

class EventExits implements Exits {
  readonly #env: Env;
  readonly #engine: Engine;
  readonly #waiting = new Map<string, Set<(exit: TaskExit) => void>>();
  readonly #closing = new AbortController();
  #following = false;
  #connected = false;

  constructor(env: Env, engine: Engine) {
    this.#env = env;
    this.#engine = engine;
  }

  wait(id: string, signal: AbortSignal): Promise<TaskExit> {
    if (signal.aborted) return Promise.resolve({ kind: "aborted" });
    return new Promise((resolve) => {
      const finish = (exit: TaskExit): void => {
        signal.removeEventListener("abort", abort);
        resolve(exit);
      };
      const abort = (): void => {
        const others = this.#waiting.get(id);
        others?.delete(finish);
        if (others?.size === 0) this.#waiting.delete(id);
        resolve({ kind: "aborted" });
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.set(id, (this.#waiting.get(id) ?? new Set()).add(finish));
      if (!this.#following) void this.#follow();
      // It may have ended before the events were followed.
      else if (this.#connected) void this.#look(id);
    });
  }

  close(): void {
    this.#closing.abort();
    this.#waiting.clear();
  }

  /** Until nobody waits any more when the connection ends. */
  async #follow(): Promise<void> {
    this.#following = true;
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted && (this.#waiting.size > 0 || failures === 0); failures++) {
      try {
        const response = await this.#engine.stream({ path: EVENTS_PATH, signal });
        this.#connected = true;
        failures = 0;
        for (const id of this.#waiting.keys()) void this.#look(id);
        for await (const value of jsonLines(response.body)) {
          const event = v.safeParse(EventSchema, value);
          if (event.success && this.#waiting.has(event.output.Actor.ID)) void this.#look(event.output.Actor.ID);
        }
      } catch (thrown) {
        if (!signal.aborted) this.#env.log.debug("lost the engine's events", { error: messageOf(thrown) });
      }
      this.#connected = false;
      await sleep(this.#env.clock, Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** failures), signal);
    }
    this.#following = false;
  }

  async #look(id: string): Promise<void> {
    try {
      const container = await inspectContainer(this.#engine, id);
      if (container !== undefined && !isOver(container)) return;
      const waiters = this.#waiting.get(id);
      this.#waiting.delete(id);
      const exit: TaskExit = container === undefined ? REMOVED : exitOf(container);
      for (const finish of waiters ?? []) finish(exit);
    } catch (thrown) {
      this.#env.log.debug("cannot look at a container", { id, error: messageOf(thrown) });
    }
  }
}

const REMOVED: TaskExit = { kind: "lost", message: "its container was removed by somebody else" };
const EVENTS_PATH = `/events?filters=${encodeURIComponent(JSON.stringify({ type: ["container"], event: ["die", "destroy"] }))}`;
