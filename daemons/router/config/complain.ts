import { didYouMean } from "#base/language/nearest.ts";
import type { RouterConfig } from "./model.ts";

/** A block to complain about. */
export interface Place {
  readonly at: { readonly start: number; readonly end: number };
}

export type Complain = (place: Place, message: string, hint?: string) => void;

/** Zones that exist: those of interfaces, the usual two, and those with a block of their own. */
export function zoneNames({ wans, lans, wireguards, zones }: RouterConfig): readonly string[] {
  return [
    ...new Set([
      "wan",
      "lan",
      ...[...wans, ...lans, ...wireguards].map((each) => each.zone),
      ...zones.map((each) => each.name),
    ]),
  ];
}

/** Says of a name that refers to nothing what it may have meant. */
export function checkReference(
  { name, known, what }: { readonly name: string; readonly known: readonly string[]; readonly what: string },
  place: Place,
  complain: Complain,
): void {
  if (!known.includes(name)) complain(place, `there is no ${what} ${JSON.stringify(name)}`, didYouMean(name, known));
}
