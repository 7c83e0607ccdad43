import type { Asked } from "../packet/asked.ts";
import { NameSet, NO_MEMBERSHIP } from "../filter/name-set.ts";
import { NameSetBuilder } from "../filter/name-set-builder.ts";

/** Says within a few comparisons of numbers that a name is none of the house's, which is so for most. */
export class LocalGate {
  readonly #set: NameSet;

  /** `exact`: names; `zones`: names whose whole tree the house answers. */
  constructor(seed: number, exact: readonly string[], zones: readonly string[]) {
    const all = [...exact, ...zones];
    const builder = new NameSetBuilder(seed, { names: all.length, bytes: all.join("").length });
    for (const [list, names] of [exact, zones].entries()) {
      for (const name of names) {
        const text = Buffer.from(name, "latin1");
        builder.add(text, { from: 0, to: text.length }, { list, below: list === 1 });
      }
    }
    this.#set = new NameSet(builder.finish());
  }

  mayBeLocal(asked: Asked): boolean {
    if (asked.labels < 2) return true;
    if (this.#set.find(asked, 0) !== NO_MEMBERSHIP) return true;
    for (let n = asked.labels - 1; n > 0; n--) {
      const membership = this.#set.find(asked, n);
      if (
        membership !== NO_MEMBERSHIP &&
        this.#set.data.memberships[membership]?.some((member) => (member & 1) === 1) === true
      )
        return true;
    }
    return false;
  }
}
