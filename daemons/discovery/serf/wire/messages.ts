import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { concatBytes } from "#base/env/bytes.ts";
import { decodeValue } from "./decode-value.ts";
import { encodeValue } from "./encode-value.ts";
import { bytesField, countField, flagField, listField, recordField, textField, timeField } from "./fields.ts";
import type { WireMap, WireValue } from "./value.ts";

/** First byte of a message. Numbers are the wire's (Serf's `serf/messages.go`). */
export const MESSAGE = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const;

/** Flags of queries and their answers. */
export const ASKS_ACK = 1;
export const IS_ACK = 1;
export const NO_BROADCAST = 2;

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffff_ffff;

export const LeaveSchema = v.object({ LTime: timeField, Node: textField, Prune: flagField });
export const JoinSchema = v.object({ LTime: timeField, Node: textField });
export const UserEventSchema = v.object({ LTime: timeField, Name: textField, Payload: bytesField, CC: flagField });
const BufferedSchema = v.object({
  LTime: timeField,
  Events: listField(v.object({ Name: textField, Payload: bytesField })),
});
export const PushPullSchema = v.object({
  LTime: timeField,
  StatusLTimes: recordField(timeField),
  LeftMembers: listField(textField),
  EventLTime: timeField,
  /** Slots of a ring: those that are empty are null. */
  Events: listField(v.nullable(BufferedSchema)),
  QueryLTime: timeField,
});
export const QuerySchema = v.object({
  LTime: timeField,
  ID: countField(U32),
  Addr: bytesField,
  Port: countField(U16),
  SourceNode: textField,
  Filters: listField(bytesField),
  Flags: countField(U32),
  RelayFactor: countField(U8),
  /** Nanoseconds. */
  Timeout: countField(Number.MAX_SAFE_INTEGER),
  Name: textField,
  Payload: bytesField,
});
export const QueryResponseSchema = v.object({
  LTime: timeField,
  ID: countField(U32),
  From: textField,
  Flags: countField(U32),
  Payload: bytesField,
});
/** What a node answers when asked who bears a name. */
export const ConflictSchema = v.object({ Name: textField, Addr: bytesField, Port: countField(U16) });
export const KeyRequestSchema = v.object({ Key: bytesField });
export const KeyResponseSchema = v.object({
  Result: flagField,
  Message: textField,
  Keys: listField(textField),
  PrimaryKey: textField,
});
const RelaySchema = v.object({
  DestAddr: v.object({ IP: bytesField, Port: countField(U16) }),
  DestName: textField,
});

export type LeaveMessage = v.InferOutput<typeof LeaveSchema>;
export type JoinMessage = v.InferOutput<typeof JoinSchema>;
export type UserEventMessage = v.InferOutput<typeof UserEventSchema>;
export type PushPullMessage = v.InferOutput<typeof PushPullSchema>;
export type QueryMessage = v.InferOutput<typeof QuerySchema>;
export type QueryResponseMessage = v.InferOutput<typeof QueryResponseSchema>;

/** What members send each other outside of full exchanges. */
export type SerfMessage =
  | { readonly kind: "leave"; readonly body: LeaveMessage }
  | { readonly kind: "join"; readonly body: JoinMessage }
  | { readonly kind: "userEvent"; readonly body: UserEventMessage }
  | { readonly kind: "query"; readonly body: QueryMessage }
  | { readonly kind: "queryResponse"; readonly body: QueryResponseMessage }
  | { readonly kind: "relay"; readonly to: RelayTarget; readonly message: Uint8Array };

export interface RelayTarget {
  readonly address: Uint8Array;
  readonly port: number;
  /** Empty with senders that do not know it. */
  readonly name: string;
}

export function encodeMessage(type: keyof typeof MESSAGE, body: WireMap): Uint8Array {
  return concatBytes([Uint8Array.of(MESSAGE[type]), encodeValue(body)]);
}

/** A message to be passed on, in an envelope that says to whom. */
export function encodeRelay({ address, port, name }: RelayTarget, message: Uint8Array): Uint8Array {
  const header = { DestAddr: { IP: address, Port: port, Zone: "" }, DestName: name };
  return concatBytes([Uint8Array.of(MESSAGE.relay), encodeValue(header), message]);
}

/** Reads what `onUserMessage` is handed. Failures: `WIRE_SHORT`, `WIRE_BAD`, `WIRE_TYPE`. */
export function decodeMessage(bytes: Uint8Array): Result<SerfMessage> {
  switch (bytes[0]) {
    case MESSAGE.leave:
      return bodyOf("leave", LeaveSchema, bytes);
    case MESSAGE.join:
      return bodyOf("join", JoinSchema, bytes);
    case MESSAGE.userEvent:
      return bodyOf("userEvent", UserEventSchema, bytes);
    case MESSAGE.query:
      return bodyOf("query", QuerySchema, bytes);
    case MESSAGE.queryResponse:
      return bodyOf("queryResponse", QueryResponseSchema, bytes);
    case MESSAGE.relay:
      return relayOf(bytes);
    default:
      return fail("WIRE_TYPE", `no message of type ${bytes[0] ?? "nothing"} is expected here`);
  }
}

/** Reads the body behind a type byte that was looked at before. */
export function decodeBody<S extends v.GenericSchema>(schema: S, bytes: Uint8Array): Result<v.InferOutput<S>> {
  const decoded = decodeValue(bytes, 1);
  if (!decoded.ok) return decoded;
  return checked(schema, decoded.value.value);
}

/** A value of the wire as what it should be. */
export function checked<S extends v.GenericSchema>(schema: S, value: WireValue): Result<v.InferOutput<S>> {
  const parsed = v.safeParse(schema, value ?? {});
  if (parsed.success) return succeed(parsed.output);
  const [issue] = parsed.issues;
  return fail("WIRE_BAD", `not the message it says it is: ${v.getDotPath(issue) ?? ""} ${issue.message}`);
}

function bodyOf<K extends string, S extends v.GenericSchema>(
  kind: K,
  schema: S,
  bytes: Uint8Array,
): Result<{ readonly kind: K; readonly body: v.InferOutput<S> }> {
  const body = decodeBody(schema, bytes);
  return body.ok ? succeed({ kind, body: body.value }) : body;
}

function relayOf(bytes: Uint8Array): Result<SerfMessage> {
  const decoded = decodeValue(bytes, 1);
  if (!decoded.ok) return decoded;
  const header = checked(RelaySchema, decoded.value.value);
  if (!header.ok) return header;
  const { DestAddr, DestName } = header.value;
  const to = { address: DestAddr.IP, port: DestAddr.Port, name: DestName };
  return succeed({ kind: "relay", to, message: bytes.slice(decoded.value.end) });
}
