import { assert } from "#base/env/assert.ts";
import type { Clock, Timer } from "#base/env/clock.ts";
import type { Address, Stream } from "#base/env/net.ts";
import type { Exchange } from "#base/http/exchange.ts";
import type { EventOwner, WorldEvent } from "../event-heap.ts";
import type { Timeline } from "../timeline.ts";

export interface LifeOptions {
  readonly timeline: Timeline;
  readonly node: { readonly name: string; readonly address: string };
  readonly number: number;
}

export interface ClockState {
  readonly offsetMs: number;
  readonly drift: number;
}

const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * From boot to crash. Everything a life waits for is an event it owns, so ending it freezes its code for good: promises
 * that wait on it never settle, as when power fails.
 */
export class Life implements EventOwner {
  readonly timeline: Timeline;
  readonly name: string;
  readonly address: string;
  readonly number: number;
  readonly streamPorts = new Map<number, (stream: Stream) => void>();
  readonly datagramPorts = new Map<number, (data: Uint8Array, from: Address) => void>();
  readonly #servers = new Map<number, Exchange>();
  #alive = true;
  #paused = false;
  #postponed: WorldEvent[] = [];

  constructor({ timeline, node, number }: LifeOptions) {
    this.timeline = timeline;
    this.name = node.name;
    this.address = node.address;
    this.number = number;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get postponed(): readonly WorldEvent[] {
    return this.#postponed;
  }

  schedule(delayMs: number, label: string, fire: () => void): WorldEvent {
    return this.timeline.schedule(delayMs, { label, owner: this, fire });
  }

  /** Settles `result` after a delay of the world; never when the life ends before. */
  later<T>(delayMs: number, label: string, result: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.schedule(delayMs, label, () => {
        try {
          resolve(result());
        } catch (thrown) {
          reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      });
    });
  }

  serve(port: number, exchange: Exchange): void {
    assert(!this.#servers.has(port), `${this.name} listens twice on port ${port}`);
    this.#servers.set(port, exchange);
  }

  serverAt(port: number): Exchange | undefined {
    return this.#servers.get(port);
  }

  end(): void {
    this.#alive = false;
    this.#postponed = [];
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const due = this.#postponed;
    this.#postponed = [];
    for (const event of due) {
      if (event.cancelled) continue;
      // Something else that was due may still cancel it.
      this.schedule(0, event.label, () => {
        if (!event.cancelled) event.fire();
      });
    }
  }

  postpone(event: WorldEvent): void {
    this.#postponed.push(event);
  }

  clock(state: () => ClockState): Clock {
    const { timeline } = this;
    let lastMs = 0;
    return {
      nowMs: () => timeline.epochMs + timeline.timeMs * state().drift + state().offsetMs,
      monotonicMs: () => (lastMs = Math.max(lastMs, timeline.timeMs * (1 + state().drift))),
      after: (delayMs: number, fire: () => void): Timer => {
        const clamped = Math.min(Math.max(delayMs, 0), MAX_DELAY_MS);
        const event = this.schedule(clamped / (1 + state().drift), "timer", fire);
        return {
          cancel: () => {
            event.cancelled = true;
          },
        };
      },
      soon: (run: () => void) => void this.schedule(0, "soon", run),
    };
  }
}
