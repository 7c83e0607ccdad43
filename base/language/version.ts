/** A version: number parts, then a pre-release, then build metadata that does not count. */
export interface Version {
  readonly segments: readonly number[];
  /** How many segments were written. */
  readonly written: number;
  readonly prerelease: string;
}

const LENIENT = /^v?(\d+(?:\.\d+)*?)(?:-?([A-Za-z~]+[0-9A-Za-z\-~.]*)|-(\d+[0-9A-Za-z\-~.]*))?(?:\+[0-9A-Za-z\-~.]+)?$/;
const STRICT =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z.-]+)?$/;
/** Longer texts are no versions. */
const MAX_LENGTH = 256;

/** `1`, `v1.2`, `1.2.3.4-rc1+build`: any number of parts (padded to three). */
export function parseVersion(text: string): Version | undefined {
  const match = text.length > MAX_LENGTH ? null : LENIENT.exec(text.trim());
  if (match === null) return undefined;
  const given = (match[1] ?? "").split(".").map(Number);
  if (!given.every((part) => Number.isSafeInteger(part))) return undefined;
  const segments = [...given, 0, 0].slice(0, Math.max(3, given.length));
  return { segments, written: given.length, prerelease: match[2] ?? match[3] ?? "" };
}

/** Semantic Versioning 2.0.0, exactly. */
export function parseSemver(text: string): Version | undefined {
  const match = text.length > MAX_LENGTH ? null : STRICT.exec(text.trim());
  if (match === null) return undefined;
  return { segments: [match[1], match[2], match[3]].map(Number), written: 3, prerelease: match[4] ?? "" };
}

/** Negative: a is older. Pre-releases come before their release (semver.org, section 11). */
export function compareVersions(a: Version, b: Version): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let index = 0; index < length; index++) {
    const difference = (a.segments[index] ?? 0) - (b.segments[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return comparePrereleases(a.prerelease, b.prerelease);
}

function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "") return 1;
  if (b === "") return -1;
  const left = a.split(".");
  const right = b.split(".");
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = compareParts(left[index], right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers by value and before words; words by their characters; fewer parts first. */
function compareParts(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const numericA = /^\d+$/.test(a);
  const numericB = /^\d+$/.test(b);
  if (numericA && numericB) return Number(a) - Number(b);
  if (numericA !== numericB) return numericA ? -1 : 1;
  return a < b ? -1 : 1;
}
