import type * as v from "valibot";
import type { Clock } from "#base/env/clock.ts";
import type { LogFeed } from "#base/env/log.ts";
import type { IncomingQuery } from "../core/core-ports.ts";
import type { Serf } from "../shell/serf.ts";
import { checked } from "../wire/messages.ts";
import type { WireMap, WireValue } from "../wire/value.ts";

/** What the port works on. */
export interface RpcDeps {
  readonly serf: Serf;
  readonly clock: Clock;
  readonly logFeed: LogFeed;
  /** Empty: nobody is asked for one. */
  readonly authKey: string;
  /** Leaves the cluster and ends the agent. */
  readonly leave: () => Promise<void>;
}

/** An answer: the error ("" is none), and what follows it. */
export interface Answer {
  readonly error: string;
  readonly body?: WireMap;
  /** Done once the answer is sent: streams begin then. */
  readonly after?: () => void;
}

/** A client as commands see it. */
export interface Client {
  readonly deps: RpcDeps;
  greeted: boolean;
  trusted: boolean;
  /** Sequence number of its log stream. */
  monitor: number | undefined;
  /** By sequence number: what ends the stream. */
  readonly streams: Map<number, () => void>;
  /** Queries it was told of and may answer, by the number it knows them by. */
  readonly pending: Map<number, IncomingQuery>;
  send(seq: number, error: string, body?: WireMap): void;
  nextQueryId(): number;
}

export interface CommandRow {
  readonly hasBody: boolean;
  run(client: Client, seq: number, body: WireValue): Answer | Promise<Answer>;
}

export const OK: Answer = { error: "" };

/** A command with a body of `schema`. */
export function withBody<S extends v.GenericSchema>(
  schema: S,
  run: (client: Client, body: v.InferOutput<S>, seq: number) => Answer | Promise<Answer>,
): CommandRow {
  return {
    hasBody: true,
    run(client, seq, body) {
      const read = checked(schema, body);
      return read.ok ? run(client, read.value, seq) : { error: read.error.message };
    },
  };
}

export function withoutBody(run: (client: Client) => Answer | Promise<Answer>): CommandRow {
  return { hasBody: false, run };
}

/** A result as an answer without a body. */
export function said(
  result: { readonly ok: true } | { readonly ok: false; readonly error: { message: string } },
): Answer {
  return result.ok ? OK : { error: result.error.message };
}
