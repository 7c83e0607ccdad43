import * as v from "valibot";
import { sleep, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { TaskExit } from "../driver.ts";
import type { ContainerStates } from "./container-list.ts";
import { exitOf, inspectContainer, isOver } from "./container-state.ts";
import type { Engine } from "./engine.ts";
import { jsonLines } from "./json-lines.ts";

export interface Exits {
  /** Resolves when the container has ended or is gone; waits through an engine that is away. */
  wait(id: string, signal: AbortSignal): Promise<TaskExit>;
  /** We are about to kill it: nobody has to find out why it was killed. */
  expect(id: string): void;
  close(): void;
}

const RETRY_FIRST_MS = 200;
const RETRY_LONGEST_MS = 5000;
/** By SIGKILL. */
const KILLED = 137;
/** The engine hears that memory ran out by another way than that the container ended, and may hear it later: a busy one much. */
const WHY_MS = [300, 500, 1200];

/** A look that failed, or an event that never came, costs no more than this. */
const LOOK_AGAIN_MS = 30_000;

const EventSchema = v.object({ Actor: v.object({ ID: v.string() }) });

/** Follows the engine's events of ended containers on one connection for all tasks. Whoever waits is looked at after every (re)connection. */
export function createExits(env: Env, engine: Engine, list: () => Promise<ContainerStates>): Exits {
  return new EventExits(env, engine, list);
}

class EventExits implements Exits {
  readonly #env: Env;
  readonly #engine: Engine;
  readonly #list: () => Promise<ContainerStates>;
  readonly #waiting = new Map<string, Set<(exit: TaskExit) => void>>();
  readonly #expected = new Set<string>();
  readonly #closing = new AbortController();
  #again: Timer | undefined;
  #following = false;
  #connected = false;

  constructor(env: Env, engine: Engine, list: () => Promise<ContainerStates>) {
    this.#env = env;
    this.#engine = engine;
    this.#list = list;
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
        if (others?.size === 0) this.#forget(id);
        resolve({ kind: "aborted" });
      };
      signal.addEventListener("abort", abort, { once: true });
      const others = this.#waiting.get(id);
      this.#waiting.set(id, (others ?? new Set()).add(finish));
      this.#lookAgain();
      if (!this.#following) void this.#follow();
      // It may have ended before the events were followed; where somebody waits already, that was looked at.
      else if (this.#connected && others === undefined) void this.#look(id);
    });
  }

  expect(id: string): void {
    // Of one that nobody waits for nobody asks.
    if (this.#waiting.has(id)) this.#expected.add(id);
  }

  close(): void {
    this.#closing.abort();
    this.#again?.cancel();
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
        void this.#lookAtAll();
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

  #forget(id: string): void {
    this.#waiting.delete(id);
    this.#expected.delete(id);
  }

  #lookAgain(): void {
    this.#again ??= this.#env.clock.after(LOOK_AGAIN_MS, () => {
      this.#again = undefined;
      if (this.#waiting.size === 0) return;
      if (this.#connected) void this.#lookAtAll();
      this.#lookAgain();
    });
  }

  /** Only those that do not run any more are worth a look. */
  async #lookAtAll(): Promise<void> {
    const waiting = [...this.#waiting.keys()];
    const states = await this.#list().catch((): ContainerStates => new Map());
    for (const id of waiting) if (states.get(id) !== "running") void this.#look(id);
  }

  async #look(id: string): Promise<void> {
    try {
      let container = await inspectContainer(this.#engine, id);
      if (container !== undefined && !isOver(container)) return;
      for (const ms of WHY_MS) {
        if (container?.State.ExitCode !== KILLED || container.State.OOMKilled || this.#expected.has(id)) break;
        await sleep(this.#env.clock, ms, this.#closing.signal);
        container = (await inspectContainer(this.#engine, id)) ?? container;
      }
      const waiters = this.#waiting.get(id);
      this.#forget(id);
      const exit: TaskExit = container === undefined ? REMOVED : exitOf(container);
      for (const finish of waiters ?? []) finish(exit);
    } catch (thrown) {
      this.#env.log.debug("cannot look at a container", { id, error: messageOf(thrown) });
    }
  }
}

const REMOVED: TaskExit = { kind: "lost", message: "its container was removed by somebody else" };
/** Engines answer before they listen for events: those in between are asked for, with the others they still know. */
const EVENTS_PATH = `/events?since=1&filters=${encodeURIComponent(JSON.stringify({ type: ["container"], event: ["die", "destroy"] }))}`;
