import { Buffer } from "node:buffer";
import type {
  EtcdCompare,
  EtcdEvent,
  EtcdKeyValue,
  EtcdOp,
  EtcdOpResult,
  EtcdRange,
  EtcdRangeResult,
  EtcdTxn,
  EtcdTxnResult,
  Span,
} from "#base/state/etcd/api.ts";
import { ProtoReader, ProtoWriter } from "./protobuf.ts";

/**
 * The messages of etcd's KV service, with the field numbers of its `rpc.proto` and `kv.proto`
 * (https://etcd.io/docs/v3.5/dev-guide/api_reference_v3/).
 */
export function encodeRange(request: EtcdRange): Buffer {
  const writer = new ProtoWriter();
  writeRange(writer, request);
  return writer.finish();
}

export function encodeTxn(txn: EtcdTxn): Buffer {
  const writer = new ProtoWriter(1024);
  writeTxn(writer, txn);
  return writer.finish();
}

export function encodeCompaction(revision: number): Buffer {
  return new ProtoWriter().uint(1, revision).finish();
}

export function decodeRange(bytes: Buffer): EtcdRangeResult {
  return readRange(new ProtoReader(bytes));
}

export function decodeTxn(bytes: Buffer): EtcdTxnResult {
  return readTxn(new ProtoReader(bytes));
}

/** From a header: the store's revision. */
export function readHeaderRevision(reader: ProtoReader): number {
  let revision = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 3) revision = reader.uint();
    else reader.skip();
  }
  return revision;
}

export function readKeyValue(reader: ProtoReader): EtcdKeyValue {
  let key = "";
  let value = "";
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) key = reader.text();
    else if (field === 2) createRevision = reader.uint();
    else if (field === 3) modRevision = reader.uint();
    else if (field === 4) version = reader.uint();
    else if (field === 5) value = reader.text();
    else reader.skip();
  }
  return { key, value, createRevision, modRevision, version };
}

export function readEvent(reader: ProtoReader): EtcdEvent {
  let isDelete = false;
  let record: EtcdKeyValue | undefined;
  let previous: EtcdKeyValue | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) isDelete = reader.uint() === 1;
    else if (field === 2) record = readKeyValue(reader.message());
    else if (field === 3 && isDelete) previous = readKeyValue(reader.message());
    else reader.skip();
  }
  if (record === undefined) throw new TypeError("etcd sent an event without a key");
  if (!isDelete) return { kind: "put", record };
  return { kind: "delete", key: record.key, modRevision: record.modRevision, previous };
}

/** Etcd's way to say a span: its first key, and the first one after it (none: that key alone; "\0": to the end). */
export function boundsOf(span: Span): { readonly key: Buffer; readonly end: Buffer } {
  if ("key" in span) return { key: Buffer.from(span.key), end: Buffer.alloc(0) };
  const { prefix, after, before } = span;
  const first = after === undefined ? Buffer.from(prefix) : Buffer.from(`${after}\0`);
  const end = before === undefined ? endOfPrefix(Buffer.from(prefix)) : Buffer.from(before);
  return { key: first.length === 0 ? NUL : first, end };
}

const NUL = Buffer.from([0]);

function endOfPrefix(prefix: Buffer): Buffer {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0xff;
    if (byte === 0xff) continue;
    const end = Buffer.from(prefix.subarray(0, i + 1));
    end[i] = byte + 1;
    return end;
  }
  return NUL;
}

function writeRange(writer: ProtoWriter, { span, limit = 0, revision = 0, ...flags }: EtcdRange): void {
  const { key, end } = boundsOf(span);
  writer.bytes(1, key).bytes(2, end).uint(3, Math.min(limit, Number.MAX_SAFE_INTEGER)).uint(4, revision);
  writer.bool(7, flags.serializable ?? false).bool(9, flags.countOnly ?? false);
}

const RESULTS = { "=": 0, ">": 1, "<": 2, "!=": 3 } as const;
const TARGETS = { version: 0, create: 1, mod: 2, value: 3 } as const;

function writeCompare(writer: ProtoWriter, compare: EtcdCompare): void {
  const { key, end } = boundsOf(compare.span);
  writer.uint(1, RESULTS[compare.op]).uint(2, TARGETS[compare.target]).bytes(3, key);
  if (compare.target === "value") writer.bytes(7, Buffer.from(compare.operand));
  // One of several alternatives: zero is said by leaving it out, which reads the same.
  else writer.uint({ version: 4, create: 5, mod: 6 }[compare.target], compare.operand);
  writer.bytes(64, end);
}

function writeTxn(writer: ProtoWriter, { compare, success, failure }: EtcdTxn): void {
  for (const one of compare) writer.message(1, (inner) => writeCompare(inner, one));
  for (const op of success) writer.message(2, (inner) => writeOp(inner, op));
  for (const op of failure) writer.message(3, (inner) => writeOp(inner, op));
}

function writeOp(writer: ProtoWriter, op: EtcdOp): void {
  switch (op.op) {
    case "range":
      writer.message(1, (inner) => writeRange(inner, { span: op.span }));
      return;
    case "put":
      writer.message(2, (inner) => {
        inner
          .text(1, op.key)
          .text(2, op.value)
          .uint(3, op.lease ?? 0)
          .bool(4, true);
      });
      return;
    case "delete":
      writer.message(3, (inner) => {
        const { key, end } = boundsOf(op.span);
        inner.bytes(1, key).bytes(2, end);
      });
      return;
    case "txn":
      writer.message(4, (inner) => writeTxn(inner, op.txn));
      return;
    default:
      op satisfies never;
  }
}

function readRange(reader: ProtoReader): EtcdRangeResult {
  const records: EtcdKeyValue[] = [];
  let revision = 0;
  let more = false;
  let count = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) revision = readHeaderRevision(reader.message());
    else if (field === 2) records.push(readKeyValue(reader.message()));
    else if (field === 3) more = reader.bool();
    else if (field === 4) count = reader.uint();
    else reader.skip();
  }
  return { revision, records, more, count };
}

function readTxn(reader: ProtoReader): EtcdTxnResult {
  let revision = 0;
  let succeeded = false;
  const responses: EtcdOpResult[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) revision = readHeaderRevision(reader.message());
    else if (field === 2) succeeded = reader.bool();
    else if (field === 3) responses.push(readOpResult(reader.message()));
    else reader.skip();
  }
  return { revision, succeeded, responses };
}

function readOpResult(reader: ProtoReader): EtcdOpResult {
  let result: EtcdOpResult | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) result = { op: "range", records: readRange(reader.message()).records };
    else if (field === 2) result = { op: "put", previous: readPrevious(reader.message()) };
    else if (field === 3) result = { op: "delete", deleted: readDeleted(reader.message()) };
    else if (field === 4) {
      const { succeeded, responses } = readTxn(reader.message());
      result = { op: "txn", succeeded, responses };
    } else reader.skip();
  }
  if (result === undefined) throw new TypeError("etcd answered an operation of an unknown kind");
  return result;
}

function readPrevious(reader: ProtoReader): Extract<EtcdOpResult, { op: "put" }>["previous"] {
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) return readNumbers(reader.message());
    reader.skip();
  }
  return undefined;
}

/** What is replaced is not read, however large. */
function readNumbers(reader: ProtoReader): { readonly createRevision: number; readonly version: number } {
  let createRevision = 0;
  let version = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) createRevision = reader.uint();
    else if (field === 4) version = reader.uint();
    else reader.skip();
  }
  return { createRevision, version };
}

function readDeleted(reader: ProtoReader): number {
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) return reader.uint();
    reader.skip();
  }
  return 0;
}
