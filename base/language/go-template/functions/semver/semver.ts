import { fail, succeed, type Result } from "#base/env/errors.ts";

/** A semantic version as Masterminds' library reads them: a leading v and missing parts are allowed (https://semver.org). */
export interface Semver {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly prerelease: string;
  readonly metadata: string;
  readonly original: string;
}

const VERSION =
  /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*))?(?:\+([\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*))?$/;
const MAX_SEGMENT = 2n ** 64n;

export function parseSemver(text: string): Result<Semver> {
  const match = VERSION.exec(text);
  if (match === null) return fail("bad_version", "Invalid Semantic Version");
  const [major = 0n, minor = 0n, patch = 0n] = [match[1], match[2] ?? "0", match[3] ?? "0"].map((part) =>
    BigInt(part ?? "0"),
  );
  const large = [major, minor, patch].find((part) => part >= MAX_SEGMENT);
  if (large !== undefined) {
    const reason = `strconv.ParseUint: parsing "${large}": value out of range`;
    return fail("bad_version", `Error parsing version segment: ${reason}`);
  }
  const prerelease = match[4] ?? "";
  if (prerelease.split(".").some((part) => /^0\d+$/.test(part)))
    return fail("bad_version", "Version segment starts with 0");
  return succeed({ major, minor, patch, prerelease, metadata: match[5] ?? "", original: text });
}

export function printSemver({ major, minor, patch, prerelease, metadata }: Semver): string {
  const pre = prerelease === "" ? "" : `-${prerelease}`;
  return `${major}.${minor}.${patch}${pre}${metadata === "" ? "" : `+${metadata}`}`;
}

/** Negative: a is older. Metadata does not count. */
export function compareSemver(a: Semver, b: Semver): number {
  return (
    compare(a.major, b.major) ||
    compare(a.minor, b.minor) ||
    compare(a.patch, b.patch) ||
    comparePrerelease(a.prerelease, b.prerelease)
  );
}

export function comparePrerelease(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? 1 : -1;
  const left = a.split(".");
  const right = b.split(".");
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = comparePart(left[index], right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers by value and before words, words by their characters, fewer parts first. */
function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  const numericA = /^\d+$/.test(a);
  const numericB = /^\d+$/.test(b);
  if (numericA && numericB) return compare(BigInt(a), BigInt(b));
  if (numericA !== numericB) return numericA ? -1 : 1;
  return a < b ? -1 : 1;
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
