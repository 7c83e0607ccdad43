import { distance, type Coordinate } from "../serf/core/coordinate.ts";

/** Coordinates set from outside, of nodes without gossip. */
const MAX_SET = 4096;

/** Where nodes are in the space of round trips: as gossip measured it, or as somebody told. */
export class Coordinates {
  readonly #set = new Map<string, Coordinate>();
  #measured: { coordinateOf(node: string): Coordinate | undefined } | undefined;

  /** From now on what gossip measures counts. */
  attach(measured: { coordinateOf(node: string): Coordinate | undefined }): void {
    this.#measured = measured;
  }

  of(node: string): Coordinate | undefined {
    return this.#measured?.coordinateOf(node) ?? this.#set.get(node);
  }

  /** False when too many are set already. */
  set(node: string, coordinate: Coordinate): boolean {
    if (this.#set.size >= MAX_SET && !this.#set.has(node)) return false;
    this.#set.set(node, coordinate);
    return true;
  }

  /**
   * What is on the node itself, then the rest by estimated round trip; whatever has no known place keeps its order at the
   * end.
   */
  nearest<T>(items: readonly T[], node: string, nodeOf: (item: T) => string): readonly T[] {
    const own = this.of(node);
    const rank = (name: string): number => {
      if (name === node) return -1;
      const other = own === undefined ? undefined : this.of(name);
      return own === undefined || other === undefined ? Number.MAX_VALUE : distance(own, other);
    };
    const ranked = items.map((item) => ({ item, rank: rank(nodeOf(item)) }));
    return ranked.toSorted((a, b) => a.rank - b.rank).map(({ item }) => item);
  }
}
