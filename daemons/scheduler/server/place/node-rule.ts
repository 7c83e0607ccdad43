import { compileConstraint, type ConstraintTest } from "#base/language/constraint.ts";
import type { Node } from "#base/protocol/node.ts";
import { resolveTarget } from "./target.ts";

/** What a constraint and an affinity have in common. */
interface TwoSided {
  readonly LTarget: string;
  readonly RTarget: string;
  readonly Operand: string;
}

/** A constraint as a test of nodes. What cannot be compiled (it was refused when the job was validated) never holds. */
export function nodeRule({ LTarget, RTarget, Operand }: TwoSided): (node: Node) => boolean {
  const compiled = new Map<string | undefined, ConstraintTest>();
  return (node) => {
    const right = resolveTarget(RTarget, node);
    let test = compiled.get(right);
    if (test === undefined) {
      const result = compileConstraint(Operand, right ?? "");
      test = result.ok ? result.value : () => false;
      compiled.set(right, test);
    }
    return test({ left: resolveTarget(LTarget, node), right });
  };
}
