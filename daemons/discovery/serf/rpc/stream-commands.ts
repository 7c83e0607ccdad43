import * as v from "valibot";
import type { LogLevel } from "#base/env/log.ts";
import type { IncomingQuery, SerfEvent } from "../core/core-ports.ts";
import { bytesField, countField, flagField, listField, textField, textMapField } from "../wire/fields.ts";
import type { WireMap } from "../wire/value.ts";
import { OK, said, withBody, type Answer, type Client, type CommandRow } from "./command.ts";
import { parseEventFilter, wants } from "./event-filter.ts";
import { MAX_PENDING_QUERIES, MAX_STREAMS } from "./limits.ts";
import { changeRecord, logRecord, userRecord } from "./records.ts";

const SeqSchema = countField(Number.MAX_SAFE_INTEGER);
const QuerySchema = v.object({
  FilterNodes: listField(textField),
  FilterTags: textMapField,
  RequestAck: flagField,
  RelayFactor: countField(255),
  /** Nanoseconds; 0: as long as usual. */
  Timeout: SeqSchema,
  Name: textField,
  Payload: bytesField,
});
const LEVELS: Readonly<Record<string, LogLevel>> = {
  TRACE: "trace",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  ERR: "error",
};

/** The commands after which more than one answer comes, and what belongs to them. */
export const streamCommands: Readonly<Record<string, CommandRow>> = {
  stream: withBody(v.object({ Type: textField }), (client, { Type }, seq) => streamEvents(client, Type, seq)),
  monitor: withBody(v.object({ LogLevel: textField }), (client, body, seq) => streamLog(client, body.LogLevel, seq)),
  stop: withBody(v.object({ Stop: SeqSchema }), (client, { Stop }) => {
    client.streams.get(Stop)?.();
    client.streams.delete(Stop);
    if (client.monitor === Stop) client.monitor = undefined;
    return OK;
  }),
  query: withBody(QuerySchema, query),
  respond: withBody(v.object({ ID: SeqSchema, Payload: bytesField }), ({ pending }, { ID, Payload }) => {
    const asked = pending.get(ID);
    return asked === undefined ? { error: "No pending queries matching ID" } : said(asked.respond(Payload));
  }),
};

function streamEvents(client: Client, type: string, seq: number): Answer {
  const filters = parseEventFilter(type);
  if (filters === undefined) return { error: "Invalid event filter" };
  if (client.streams.has(seq)) return { error: "Stream with given sequence exists" };
  if (client.streams.size >= MAX_STREAMS) return { error: `Too many streams: at most ${MAX_STREAMS}` };
  const begin = (): void => {
    const end = client.deps.serf.subscribe((event) => {
      if (wants(filters, event)) client.send(seq, "", recordOf(client, event));
    });
    client.streams.set(seq, end);
  };
  return { error: "", after: begin };
}

function recordOf(client: Client, event: SerfEvent): WireMap {
  if (event.kind === "user") return userRecord(event);
  if (event.kind !== "query") return changeRecord(event);
  const ID = remember(client, event);
  return { Event: "query", ID, LTime: event.lTime, Name: event.name, Payload: event.payload };
}

/** Queries whose time is over make room first. */
function remember(client: Client, asked: IncomingQuery): number {
  const { pending, deps } = client;
  const now = deps.clock.monotonicMs();
  for (const [id, each] of pending) if (each.deadlineMs < now) pending.delete(id);
  const id = client.nextQueryId();
  if (pending.size < MAX_PENDING_QUERIES) pending.set(id, asked);
  return id;
}

function streamLog(client: Client, text: string, seq: number): Answer {
  const level = LEVELS[text.toUpperCase()];
  if (level === undefined) return { error: `Unknown log level: ${text.toUpperCase()}` };
  if (client.monitor !== undefined) return { error: "Monitor already exists" };
  if (client.streams.has(seq)) return { error: "Stream with given sequence exists" };
  client.monitor = seq;
  const { logFeed } = client.deps;
  const begin = (): void => {
    for (const entry of logFeed.recent()) client.send(seq, "", logRecord(entry));
    client.streams.set(
      seq,
      logFeed.subscribe(level, (entry) => client.send(seq, "", logRecord(entry))),
    );
  };
  return { error: "", after: begin };
}

function query(client: Client, body: v.InferOutput<typeof QuerySchema>, seq: number): Answer {
  /** Answers of this node itself come before the client knows that its query was taken. */
  let early: WireMap[] | undefined = [];
  const tell = (record: WireMap): void => {
    if (early === undefined) client.send(seq, "", record);
    else early.push(record);
  };
  const asked = client.deps.serf.query(
    {
      name: body.Name,
      payload: body.Payload,
      filter: { nodes: body.FilterNodes, tags: body.FilterTags },
      wantsAcks: body.RequestAck,
      relayFactor: body.RelayFactor,
      timeoutMs: body.Timeout / 1e6,
    },
    {
      onAck: (from) => tell({ Type: "ack", From: from, Payload: null }),
      onResponse: ({ from, payload }) => tell({ Type: "response", From: from, Payload: payload }),
      onDone: () => tell({ Type: "done", From: "", Payload: null }),
    },
  );
  const begin = (): void => {
    const waiting = early ?? [];
    early = undefined;
    for (const record of waiting) client.send(seq, "", record);
  };
  return asked.ok ? { error: "", after: begin } : said(asked);
}
