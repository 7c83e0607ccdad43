import { fail, succeed, type Result } from "#base/env/errors.ts";
import { encodeMessage, type PushPullMessage, type UserEventMessage } from "../wire/messages.ts";
import type { WireMap } from "../wire/value.ts";
import type { SerfPorts } from "./core-ports.ts";
import { LamportClock } from "./lamport-clock.ts";
import { MAX_EVENT_BYTES } from "./limits.ts";
import { SeenRing } from "./seen-ring.ts";
import type { SerfSettings } from "./settings.ts";

export interface FiredEvent {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly coalesce?: boolean;
}

interface Remembered {
  readonly Name: string;
  readonly Payload: Uint8Array;
}

/** Events users fire: each reaches every member once, also those who join while it still goes round. */
export class UserEvents {
  readonly clock = new LamportClock();
  /** Events before this time are not for us: we were not there, and asked not to be told. */
  minTime = 0;
  readonly #seen = new SeenRing<Remembered>(sameEvent);
  readonly #ports: SerfPorts;
  readonly #settings: SerfSettings;

  constructor(ports: SerfPorts, settings: SerfSettings) {
    this.#ports = ports;
    this.#settings = settings;
  }

  /** Failure `EVENT_SIZE`. */
  fire({
    name,
    payload,
    coalesce = false,
  }: FiredEvent): Result<{ readonly lTime: number; readonly message: Uint8Array }> {
    const limit = Math.min(this.#settings.eventBytes, MAX_EVENT_BYTES);
    const size = Buffer.byteLength(name) + payload.length;
    const body: UserEventMessage = { LTime: this.clock.time, Name: name, Payload: payload, CC: coalesce };
    const message = encodeMessage("userEvent", fields(body));
    if (size > limit || message.length > MAX_EVENT_BYTES) {
      return fail(
        "EVENT_SIZE",
        `user event exceeds configured limit of ${limit} bytes before encoding: name and payload take ${size}`,
        "put the data elsewhere (the key-value store) and its place into the event",
      );
    }
    this.clock.increment();
    this.take(body);
    return succeed({ lTime: body.LTime, message });
  }

  /** True when it is news that should be passed on. */
  take({ LTime, Name, Payload, CC }: UserEventMessage): boolean {
    this.clock.witness(LTime);
    if (LTime < this.minTime) return false;
    if (this.#seen.note({ Name, Payload }, LTime, this.clock.time) !== "new") return false;
    this.#ports.emit({ kind: "user", lTime: LTime, name: Name, payload: Payload, coalesce: CC });
    return true;
  }

  /** What a member that joins should learn. */
  remembered(): WireMap[] {
    return this.#seen.all().map(({ time, items }) => ({
      LTime: time,
      Events: items.map(({ Name, Payload }) => ({ Name, Payload })),
    }));
  }

  merge({ EventLTime, Events }: PushPullMessage, skip: boolean): void {
    if (EventLTime > 0) this.clock.witness(EventLTime - 1);
    // The next event of the other side has this time, those it knows have earlier ones.
    if (skip) this.minTime = Math.max(this.minTime, EventLTime);
    for (const slot of Events) {
      for (const event of slot?.Events ?? []) this.take({ ...event, LTime: slot?.LTime ?? 0, CC: false });
    }
  }
}

function fields({ LTime, Name, Payload, CC }: UserEventMessage): WireMap {
  return { LTime, Name, Payload, CC };
}

function sameEvent(a: Remembered, b: Remembered): boolean {
  return a.Name === b.Name && Buffer.compare(a.Payload, b.Payload) === 0;
}
