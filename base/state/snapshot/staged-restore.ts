import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { RESTORE_MARK, restorationOf, STAGED_PREFIX } from "../restore-mark.ts";
import { StoreError, type Compare, type Op, type Store, type Txn } from "../store.ts";

/** Of one piece, before it is packed; its transaction has to be quick, for writers wait behind it. */
const PIECE_BYTES = 1 << 20;
const PIECE_OPS = 5000;
/** Of one record of a packed piece; below what a value may have. */
const PART_CHARS = 1_300_000;
/** Pieces at most: every one is compared when the restoration begins. 2 GiB of state. */
const MAX_PIECES = 2000;

const PieceSchema = v.array(v.union([v.strictTuple([v.string(), v.string()]), v.strictTuple([v.string()])]));

interface Restoration {
  readonly id: string;
  /** The mark of a former version's restoration that was cut off; empty: there is none. */
  readonly former: string;
  /** Of one piece at most. Default 5000. */
  readonly pieceOps?: number;
}

/**
 * Carries out what is too large for one transaction as a whole, whatever fails meanwhile: all of it is put beside the state first,
 * then a mark says that it is to be, then it is written piece by piece. Without the mark nothing has happened; with it, whoever finds
 * it goes on ({@link finishRestore}). Resolves with the last revision. Rejects with a {@link StoreError}.
 */
export async function restoreInPieces(
  store: Store,
  ops: readonly Op[],
  { id, former, pieceOps = PIECE_OPS }: Restoration,
): Promise<number> {
  const pieces = [...piecesOf(ops, pieceOps)];
  if (pieces.length > MAX_PIECES)
    throw new StoreError("too_large", `the snapshot takes ${pieces.length} pieces, at most ${MAX_PIECES} are possible`);
  for (const [piece, each] of pieces.entries()) {
    const packed = pack(each);
    for (let part = 0; part * PART_CHARS < packed.length; part += 1) {
      const value = packed.slice(part * PART_CHARS, (part + 1) * PART_CHARS);
      await store.txn({ then: [{ op: "put", key: partKey(id, piece, part), value }] });
    }
  }
  if (former !== "" && restorationOf(former) !== undefined) throw underWay();
  const begun = await store.txn({
    compare: [
      { key: RESTORE_MARK, target: "value", op: "=", operand: former },
      ...pieces.map((_, piece) => isPresent(partKey(id, piece, 0))),
    ],
    then: [{ op: "put", key: RESTORE_MARK, value: JSON.stringify({ id }) }],
  });
  if (!begun.ok) {
    await store.txn({ then: [{ op: "deletePrefix", prefix: `${STAGED_PREFIX}${id}/` }] });
    throw underWay();
  }
  for (const [piece, each] of pieces.entries())
    await store.txn(pieceTxn(each, { id, piece, isLast: piece === pieces.length - 1 }));
  return store.status().revision;
}

/**
 * Goes on with a restoration that was cut off, or takes back one that had not begun. Several may do so at once, beside the one who
 * began. Rejects with a {@link StoreError}.
 */
export async function finishRestore(store: Store): Promise<"nothing" | "finished" | "taken back"> {
  const { responses } = await store.txn({ then: [{ op: "get", key: RESTORE_MARK }] });
  const answer = responses[0];
  const mark = answer?.op === "get" ? answer.record : undefined;
  const { records } = await store.range({ prefix: STAGED_PREFIX });
  if (mark === undefined) {
    if (records.length === 0) return "nothing";
    const then: Op[] = [{ op: "deletePrefix", prefix: STAGED_PREFIX }];
    const { ok } = await store.txn({ compare: [isAbsent(RESTORE_MARK)], then });
    return ok ? "taken back" : finishRestore(store);
  }
  const id = restorationOf(mark.value);
  if (id === undefined) return "nothing";
  const pieces = new Map<number, string>();
  for (const { key, value } of records) {
    const [of, piece] = key.slice(STAGED_PREFIX.length).split("/");
    if (of === id) pieces.set(Number(piece), (pieces.get(Number(piece)) ?? "") + value);
  }
  const last = Math.max(...pieces.keys());
  for (const [piece, packed] of pieces)
    await store.txn(pieceTxn(unpack(packed), { id, piece, isLast: piece === last }));
  return "finished";
}

function underWay(): StoreError {
  return new StoreError(
    "busy",
    "another snapshot is being restored, or a server that started took this one back; nothing was changed: try again",
  );
}

interface Place {
  readonly id: string;
  readonly piece: number;
  readonly isLast: boolean;
}

/** Written once, whoever comes first; the last one ends the restoration. */
function pieceTxn(ops: readonly Op[], { id, piece, isLast }: Place): Txn {
  const done: Op[] = [{ op: "deletePrefix", prefix: partKey(id, piece, undefined) }];
  if (isLast) done.push({ op: "delete", key: RESTORE_MARK });
  return { compare: [isPresent(partKey(id, piece, 0))], then: [...ops, ...done] };
}

function* piecesOf(ops: readonly Op[], most: number): Generator<readonly Op[]> {
  let piece: Op[] = [];
  let bytes = 0;
  for (const op of ops) {
    const size = sizeOf(op);
    if (piece.length >= most || (bytes + size > PIECE_BYTES && piece.length > 0)) {
      yield piece;
      piece = [];
      bytes = 0;
    }
    piece.push(op);
    bytes += size;
  }
  if (piece.length > 0) yield piece;
}

/** Of one operation within a transaction, in bytes; about, for one that puts nothing. */
export function sizeOf(op: Op): number {
  return op.op === "put" ? Buffer.byteLength(op.value) + Buffer.byteLength(op.key) : 100;
}

/** As `[key, value]`, or `[key]` for what goes. */
function pack(ops: readonly Op[]): string {
  const words = ops.flatMap((op) => (op.op === "put" ? [[op.key, op.value]] : op.op === "delete" ? [[op.key]] : []));
  return gzipSync(JSON.stringify(words), { level: 1 }).toString("base64");
}

function unpack(packed: string): Op[] {
  const words = v.parse(PieceSchema, JSON.parse(textOf(gunzipSync(Buffer.from(packed, "base64")))));
  return words.map(([key, value]) => (value === undefined ? { op: "delete", key } : { op: "put", key, value }));
}

/** In the order of their numbers; without a part: what all parts begin with. */
function partKey(id: string, piece: number, part: number | undefined): string {
  const digits = (number: number): string => String(number).padStart(6, "0");
  return `${STAGED_PREFIX}${id}/${digits(piece)}/${part === undefined ? "" : digits(part)}`;
}

function isAbsent(key: string): Compare {
  return { key, target: "version", op: "=", operand: 0 };
}

function isPresent(key: string): Compare {
  return { key, target: "version", op: "!=", operand: 0 };
}
