import { fail, succeed, type Result } from "#base/env/errors.ts";
import { comparePrerelease, compareSemver, parseSemver, type Semver } from "./semver.ts";

/** Groups joined by `||`; all constraints of a group have to hold. */
export type SemverConstraints = readonly (readonly Constraint[])[];

interface Constraint {
  readonly operator: string;
  readonly version: Semver;
  /** Which part was left open, `1.x`: the major version and all below, the minor one, the patch; none. */
  readonly open: "major" | "minor" | "patch" | "none";
}

const PART = String.raw`[\d|xX*]+`;
const EXTRA = String.raw`(?:-[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?`;
const VERSION = String.raw`v?${PART}(?:\.${PART})?(?:\.${PART})?${EXTRA}`;
const OPERATOR = String.raw`(?:!=|>=|=>|<=|=<|~>|=|>|<|~|\^)?`;
const RANGE = new RegExp(String.raw`\s*(${VERSION})\s+-\s+(${VERSION})\s*`, "g");
const ONE = new RegExp(String.raw`\s*(${OPERATOR})\s*(${VERSION})`, "y");
const SEPARATOR = /\s*,|\s+(?=\S)/y;
const PARTS = new RegExp(String.raw`^v?(${PART})(?:\.(${PART}))?(?:\.(${PART}))?(-[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?`);
/** Longer texts are refused: the patterns above look at a character more than once. */
const MAX_LENGTH = 512;

/** Reads `>= 1.2, < 2 || ~3.1 || 1 - 2 || 4.x || ^5`, as Masterminds' library does. */
export function parseConstraints(text: string): Result<SemverConstraints> {
  const groups: Constraint[][] = [];
  if (text.length > MAX_LENGTH) return improper(`${text.slice(0, 40)}…`);
  for (const part of text.replaceAll(RANGE, ">= $1, <= $2").split("||")) {
    const group: Constraint[] = [];
    const found = splitGroup(part.trimEnd());
    if (found === undefined) return improper(part);
    for (const [operator, version] of found) {
      const constraint = parseOne(operator, version);
      if (constraint === undefined) return fail("bad_constraint", "constraint Parser Error");
      group.push(constraint);
    }
    groups.push(group);
  }
  return succeed(groups);
}

export function satisfies(version: Semver, constraints: SemverConstraints): boolean {
  return constraints.some((group) => group.every((constraint) => holds(version, constraint)));
}

/** Constraints follow each other after white space or a comma; undefined: something else is in between. */
function splitGroup(text: string): readonly (readonly [string, string])[] | undefined {
  const found: [string, string][] = [];
  for (let at = 0; ;) {
    ONE.lastIndex = at;
    const match = ONE.exec(text);
    if (match === null) return undefined;
    found.push([match[1] ?? "", match[2] ?? ""]);
    at += match[0].length;
    if (at === text.length) return found;
    SEPARATOR.lastIndex = at;
    const separator = SEPARATOR.exec(text);
    if (separator === null) return undefined;
    at += separator[0].length;
  }
}

function parseOne(operator: string, text: string): Constraint | undefined {
  const [, major = "", minor = "", patch = "", prerelease = ""] = PARTS.exec(text) ?? [];
  const isOpen = (part: string): boolean => ["", "x", "X", "*"].includes(part);
  const open = isOpen(major) ? "major" : isOpen(minor) ? "minor" : isOpen(patch) ? "patch" : "none";
  const closed = {
    major: `0.0.0${prerelease}`,
    minor: `${major}.0.0${prerelease}`,
    patch: `${major}.${minor}.0${prerelease}`,
    none: text,
  };
  const version = parseSemver(closed[open]);
  return version.ok ? { operator, version: version.value, open } : undefined;
}

/** A constraint without a pre-release looks for releases only. */
function holds(version: Semver, constraint: Constraint): boolean {
  const { operator, version: bound, open } = constraint;
  const unwanted = version.prerelease !== "" && bound.prerelease === "";
  if (operator === "!=")
    return open === "none" ? compareSemver(version, bound) !== 0 : !unwanted && differs(version, constraint);
  if (unwanted) return false;
  switch (operator) {
    case ">":
      return above(version, constraint);
    case "<":
      return compareSemver(version, bound) < 0;
    case ">=":
    case "=>":
      return compareSemver(version, bound) >= 0;
    case "<=":
    case "=<":
      return atMost(version, constraint);
    case "^":
      return caret(version, constraint);
    case "~":
    case "~>":
      return tilde(version, constraint);
    default:
      return open === "none" ? compareSemver(version, bound) === 0 : tilde(version, constraint);
  }
}

function differs(version: Semver, { version: bound, open }: Constraint): boolean {
  if (bound.major !== version.major) return true;
  if (open === "minor") return false;
  if (bound.minor !== version.minor) return true;
  if (open !== "patch") return bound.patch !== version.patch || compareSemver(version, bound) !== 0;
  return (
    (version.prerelease !== "" || bound.prerelease !== "") &&
    comparePrerelease(version.prerelease, bound.prerelease) !== 0
  );
}

function above(version: Semver, { version: bound, open }: Constraint): boolean {
  if (open === "none") return compareSemver(version, bound) > 0;
  if (version.major !== bound.major) return version.major > bound.major;
  if (open === "minor") return false;
  return open === "patch" ? version.minor > bound.minor : compareSemver(version, bound) > 0;
}

function atMost(version: Semver, { version: bound, open }: Constraint): boolean {
  if (open === "none") return compareSemver(version, bound) <= 0;
  if (version.major > bound.major) return false;
  return !(version.major === bound.major && version.minor > bound.minor && open !== "minor");
}

function tilde(version: Semver, { version: bound, open }: Constraint): boolean {
  if (compareSemver(version, bound) < 0) return false;
  const zero = bound.major === 0n && bound.minor === 0n && bound.patch === 0n;
  if (zero && open !== "minor" && open !== "patch") return true;
  return version.major === bound.major && (version.minor === bound.minor || open === "minor");
}

function caret(version: Semver, { version: bound, open }: Constraint): boolean {
  if (compareSemver(version, bound) < 0) return false;
  if (bound.major > 0n || open === "minor") return version.major === bound.major;
  if (version.major > 0n) return false;
  if (bound.minor > 0n || open === "patch") return version.minor === bound.minor;
  return version.minor === 0n && version.patch === bound.patch;
}

function improper(text: string): Result<never> {
  return fail("bad_constraint", `improper constraint: ${text}`);
}
