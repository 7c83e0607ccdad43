import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compareVersions, parseSemver, parseVersion, type Version } from "./version.ts";

/** True for versions that meet all parts of a constraint; false also for text that is no version. */
export type VersionTest = (version: string) => boolean;

type Operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "~>";

interface Part {
  readonly operator: Operator;
  readonly wanted: Version;
}

const PART = /^\s*(~>|>=|<=|!=|==|=|>|<|)\s*(\S+)\s*$/;

/**
 * `>= 1.2, < 2`, `~> 1.2` (at least 1.2, below 2), `~> 1.2.3` (at least 1.2.3, below 1.3). A pre-release meets only constraints
 * that name a pre-release of the same version, except under `=` and `!=`.
 */
export function parseVersionConstraint(text: string): Result<VersionTest> {
  const parts = parseParts(text, parseVersion);
  if (!parts.ok) return parts;
  return succeed((version) => {
    const found = parseVersion(version);
    return found !== undefined && parts.value.every((part) => meets(found, part) && admitsPrerelease(found, part));
  });
}

/** The same operators over strict semantic versions; pre-releases are ordered like any other, and `~>` does not exist. */
export function parseSemverConstraint(text: string): Result<VersionTest> {
  const parts = parseParts(text, parseSemver);
  if (!parts.ok) return parts;
  if (parts.value.some((part) => part.operator === "~>")) {
    return fail(
      "bad_version_constraint",
      `"~>" does not exist for semver: ${JSON.stringify(text)}`,
      'use ">= 1.2.0, < 2.0.0", or the operator version',
    );
  }
  return succeed((version) => {
    const found = parseSemver(version);
    return found !== undefined && parts.value.every((part) => meets(found, part));
  });
}

function parseParts(text: string, parse: (version: string) => Version | undefined): Result<readonly Part[]> {
  const parts: Part[] = [];
  for (const each of text.split(",")) {
    const [, sign, version] = PART.exec(each) ?? [];
    const wanted = version === undefined ? undefined : parse(version);
    if (wanted === undefined) {
      return fail(
        "bad_version_constraint",
        `${JSON.stringify(each.trim())} is no version constraint`,
        'expected an operator and a version, for example ">= 1.2" or "~> 1.4.0"; several are separated by ","',
      );
    }
    parts.push({ operator: operatorOf(sign ?? ""), wanted });
  }
  return succeed(parts);
}

function operatorOf(sign: string): Operator {
  switch (sign) {
    case "!=":
    case ">":
    case ">=":
    case "<":
    case "<=":
    case "~>":
      return sign;
    default:
      return "=";
  }
}

function meets(found: Version, { operator, wanted }: Part): boolean {
  const order = compareVersions(found, wanted);
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "~>":
      return order >= 0 && sameBut(found, wanted);
    default:
      return operator satisfies never;
  }
}

/** All written segments but the last are equal: the last may grow. */
function sameBut(found: Version, wanted: Version): boolean {
  const fixed = wanted.segments.slice(0, Math.max(1, wanted.written) - 1);
  return fixed.every((segment, index) => found.segments[index] === segment);
}

function admitsPrerelease(found: Version, { operator, wanted }: Part): boolean {
  if (operator === "=" || operator === "!=") return true;
  if (found.prerelease === "") return true;
  if (wanted.prerelease === "") return false;
  return found.segments.join(".") === wanted.segments.join(".");
}
