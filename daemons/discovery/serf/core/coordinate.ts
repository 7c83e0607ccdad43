import * as v from "valibot";
import { decodeBody } from "../wire/messages.ts";
import { encodeValue } from "../wire/encode-value.ts";
import { floatField, listField } from "../wire/fields.ts";
import { concatBytes } from "#base/env/bytes.ts";
import { Float, type WireMap } from "../wire/value.ts";

/**
 * Where a node is in the space of round trips. All in seconds; the distance of two is the round trip between them.
 * Names are those of the wire and of the HTTP API.
 */
export interface Coordinate {
  readonly Vec: readonly number[];
  /** How much it should be trusted: 1.5 not at all, towards 0 well. */
  readonly Error: number;
  /** Mean of what the model was wrong by lately. */
  readonly Adjustment: number;
  /** The way from the node to the network's core. */
  readonly Height: number;
}

export const DIMENSIONS = 8;
export const ERROR_MAX = 1.5;
/** 10 µs. */
export const HEIGHT_MIN = 10e-6;

const CoordinateSchema = v.object({
  Vec: listField(v.number()),
  Error: floatField,
  Adjustment: floatField,
  Height: floatField,
});
const VERSION = 1;

export function origin(): Coordinate {
  return { Vec: Array.from({ length: DIMENSIONS }, () => 0), Error: ERROR_MAX, Adjustment: 0, Height: HEIGHT_MIN };
}

/** Estimated round trip, seconds. */
export function distance(a: Coordinate, b: Coordinate): number {
  const raw = rawDistance(a, b);
  const adjusted = raw + a.Adjustment + b.Adjustment;
  return adjusted > 0 ? adjusted : raw;
}

export function rawDistance(a: Coordinate, b: Coordinate): number {
  return Math.hypot(...a.Vec.map((each, at) => each - (b.Vec[at] ?? 0))) + a.Height + b.Height;
}

/** Whether it can be calculated with: the right dimension, and no infinity or NaN. */
export function isUsable({ Vec, Error, Adjustment, Height }: Coordinate): boolean {
  return Vec.length === DIMENSIONS && [...Vec, Error, Adjustment, Height].every((each) => Number.isFinite(each));
}

export function coordinateFields({ Vec, Error, Adjustment, Height }: Coordinate): WireMap {
  return {
    Vec: Vec.map((each) => new Float(each)),
    Error: new Float(Error),
    Adjustment: new Float(Adjustment),
    Height: new Float(Height),
  };
}

/** As it travels with the answer to a probe. */
export function encodeCoordinate(coordinate: Coordinate): Uint8Array {
  return concatBytes([Uint8Array.of(VERSION), encodeValue(coordinateFields(coordinate))]);
}

/** Undefined for what is none, or of another version. */
export function decodeCoordinate(payload: Uint8Array): Coordinate | undefined {
  if (payload[0] !== VERSION) return undefined;
  const body = decodeBody(CoordinateSchema, payload);
  return body.ok && isUsable(body.value) ? body.value : undefined;
}
