/**
 * What MessagePack carries, as Serf's peers and clients write it. Text and bytes are one kind there ("raw"): reading gives
 * bytes, writing takes either. Numbers of 2^53 and above are bigint.
 */
export type WireValue = null | boolean | number | bigint | string | Uint8Array | Float | readonly WireValue[] | WireMap;
export interface WireMap {
  readonly [key: string]: WireValue;
}

/** A number that is written as a 64-bit float even when it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Maps and lists inside each other. */
export const MAX_DEPTH = 16;
/** Values in one message: a list of empty maps costs one byte each on the wire and far more in memory. */
export const MAX_VALUES = 200_000;
