import type { Affinity, Constraint, Spread } from "#base/protocol/policies.ts";
import { compileConstraint, isConstraintOperator, JOB_OPERATORS, VALUE_OPERATORS } from "../../constraint.ts";
import { didYouMean } from "../../nearest.ts";
import type { Report } from "./report.ts";

const UNARY = new Set(["is_set", "is_not_set", "distinct_hosts", "distinct_property"]);

export function checkConstraints(constraints: readonly Constraint[], report: Report): void {
  for (const each of constraints) checkConstraint(each, report.at("constraint"));
}

function checkConstraint({ LTarget: left, RTarget: right, Operand: operator }: Constraint, report: Report): void {
  if (!isConstraintOperator(operator)) {
    const known = [...VALUE_OPERATORS, ...JOB_OPERATORS];
    return report.error(
      `the operator ${JSON.stringify(operator)} is not known`,
      didYouMean(operator, known) ?? `expected ${known.join(", ")}`,
    );
  }
  if (operator === "distinct_hosts") {
    if (!["", "true", "false"].includes(right))
      report.error(`distinct_hosts is true or false, not ${JSON.stringify(right)}`);
    return;
  }
  if (left === "") report.error("the attribute is missing", 'for example: attribute = "${attr.kernel.name}"');
  if (right === "" && !UNARY.has(operator)) report.error(`the operator ${operator} needs a value`);
  if (operator === "distinct_property") {
    if (right !== "" && !/^[1-9]\d*$/.test(right))
      report.error(`distinct_property counts allocations: ${JSON.stringify(right)} is no positive number`);
    return;
  }
  // Patterns that are filled in on the node can only be checked there.
  if (right.includes("${")) return;
  const compiled = compileConstraint(operator, right);
  if (!compiled.ok && right !== "") report.error(compiled.error.message, compiled.error.hint);
}

export function checkAffinities(affinities: readonly Affinity[], report: Report): void {
  for (const each of affinities) {
    const inner = report.at("affinity");
    if (JOB_OPERATORS.some((known) => known === each.Operand))
      inner.error(`the operator ${each.Operand} is for constraints only`);
    else checkConstraint(each, inner);
    if (each.Weight === 0 || Math.abs(each.Weight) > 100) {
      inner.error(`the weight is ${each.Weight}, expected -100 to 100 without 0`);
    }
  }
}

export function checkSpreads(spreads: readonly Spread[], report: Report): void {
  for (const each of spreads) {
    const inner = report.at("spread");
    if (each.Attribute === "") inner.error("the attribute is missing");
    if (each.Weight <= 0 || each.Weight > 100) inner.error(`the weight is ${each.Weight}, expected 1 to 100`);
    const sum = each.SpreadTarget.reduce((total, target) => total + target.Percent, 0);
    if (sum > 100) inner.error(`the targets' percentages add up to ${sum}, more than 100`);
    const values = each.SpreadTarget.map((target) => target.Value);
    if (new Set(values).size < values.length) inner.error("a target's value occurs twice");
    if (each.SpreadTarget.some((target) => target.Percent < 0 || target.Percent > 100))
      inner.error("a percentage is 0 to 100");
  }
}
