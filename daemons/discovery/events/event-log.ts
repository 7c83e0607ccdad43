import { RE2JS } from "re2js";
import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Random } from "#base/env/random.ts";
import type { SerfEvent } from "../serf/core/core-ports.ts";
import type { Serf } from "../serf/shell/serf.ts";
import { decodeValue } from "../serf/wire/decode-value.ts";
import { encodeValue } from "../serf/wire/encode-value.ts";
import { bytesField, textField } from "../serf/wire/fields.ts";

const PREFIX = "consul:event:";
/** Events that are remembered (Consul's). */
const MAX_EVENTS = 256;
/** Longest name and payload together where no gossip limits them. */
const MAX_EVENT_BYTES = 512;

/** https://developer.hashicorp.com/consul/api-docs/event */
export interface ConsulEvent {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Uint8Array;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
  readonly LTime: number;
}

export type FiredConsulEvent = Omit<ConsulEvent, "ID" | "Version" | "LTime">;

const EventSchema = v.object({
  ID: v.pipe(textField, v.regex(/^[0-9a-f-]{36}$/)),
  Name: textField,
  Payload: bytesField,
  NodeFilter: textField,
  ServiceFilter: textField,
  TagFilter: textField,
});

/** This node, as filters look at it. */
export interface EventReceiver {
  readonly nodeName: string;
  services(): Iterable<{ readonly name: string; readonly tags: readonly string[] }>;
}

/** The newest events that concern this node. */
export class EventLog {
  #events: ConsulEvent[] = [];
  #localTime = 0;
  readonly #listeners = new Set<() => void>();
  readonly #diverted = new Map<string, (event: ConsulEvent) => void>();
  readonly #random: Random;
  readonly #receiver: EventReceiver;
  #serf: Serf | undefined;

  constructor(random: Random, receiver: EventReceiver) {
    this.#random = random;
    this.#receiver = receiver;
  }

  /** From now on events go to all members, and theirs come here. */
  attach(serf: Serf): void {
    this.#serf = serf;
    serf.subscribe((event) => this.#take(event));
  }

  /** Events of this name go to `take` and are in no list. */
  divert(name: string, take: (event: ConsulEvent) => void): void {
    this.#diverted.set(name, take);
  }

  /** Failure `EVENT_SIZE`, and `EVENT_FILTER` for an expression that is none. */
  fire(fired: FiredConsulEvent): Result<ConsulEvent> {
    for (const filter of [fired.NodeFilter, fired.ServiceFilter, fired.TagFilter]) {
      if (!isExpression(filter)) return fail("EVENT_FILTER", `Invalid filter: "${filter}" is no regular expression`);
    }
    if (fired.TagFilter !== "" && fired.ServiceFilter === "")
      return fail("EVENT_FILTER", "Cannot provide tag filter without service filter");
    const ID = this.#random.uuid();
    const event = { ...fired, ID, Version: 1 };
    if (this.#serf === undefined) return this.#fireHere(event);
    const sent = this.#serf.fire({ name: PREFIX + fired.Name, payload: encodeValue(event) });
    return sent.ok ? succeed({ ...event, LTime: sent.value.lTime }) : sent;
  }

  /** Oldest first; of one name where one is given. */
  list(name = ""): readonly ConsulEvent[] {
    return name === "" ? this.#events : this.#events.filter((event) => event.Name === name);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #fireHere(event: Omit<ConsulEvent, "LTime">): Result<ConsulEvent> {
    const size = Buffer.byteLength(event.Name) + event.Payload.length;
    if (size > MAX_EVENT_BYTES)
      return fail("EVENT_SIZE", `user event exceeds configured limit of ${MAX_EVENT_BYTES} bytes: it takes ${size}`);
    this.#localTime += 1;
    const whole = { ...event, LTime: this.#localTime };
    this.#keep(whole);
    return succeed(whole);
  }

  #take(event: SerfEvent): void {
    if (event.kind !== "user" || !event.name.startsWith(PREFIX)) return;
    const decoded = decodeValue(event.payload);
    if (!decoded.ok) return;
    const read = v.safeParse(EventSchema, decoded.value.value);
    if (read.success) this.#keep({ ...read.output, Version: 1, LTime: event.lTime });
  }

  #keep(event: ConsulEvent): void {
    if (!this.#concerns(event)) return;
    const take = this.#diverted.get(event.Name);
    if (take !== undefined) return take(event);
    this.#events = [...this.#events, event].slice(-MAX_EVENTS);
    for (const listener of this.#listeners) listener();
  }

  #concerns({ NodeFilter, ServiceFilter, TagFilter }: ConsulEvent): boolean {
    if (NodeFilter !== "" && !matches(NodeFilter, this.#receiver.nodeName)) return false;
    if (ServiceFilter === "") return true;
    return [...this.#receiver.services()].some(
      ({ name, tags }) =>
        matches(ServiceFilter, name) && (TagFilter === "" || tags.some((tag) => matches(TagFilter, tag))),
    );
  }
}

/** The halves of its UUID, one xor the other: what stands for an index (Consul's `api/event.go`). */
export function eventIndex(id: string): string {
  const hex = id.replaceAll("-", "");
  return (BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`)).toString();
}

function isExpression(text: string): boolean {
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    return false;
  }
}

function matches(expression: string, text: string): boolean {
  return isExpression(expression) && RE2JS.compile(expression).matcher(text).find();
}
