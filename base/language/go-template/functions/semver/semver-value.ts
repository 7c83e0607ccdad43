import { goFunction } from "../../function.ts";
import { takeObject } from "../../param.ts";
import { pointerType, structType } from "../../type.ts";
import type { GoFunction, GoResult, GoValue } from "../../value.ts";
import { uint64 } from "../define.ts";
import { MarshalledStruct } from "../encoding/marshalled-struct.ts";
import { compareSemver, printSemver, type Semver } from "./semver.ts";

const versionType = pointerType(structType("semver.Version"));

/** A version as templates see it: `.Major`, `.Minor`, `.Patch`, `.Prerelease`, `.Metadata`, `.Original`, `.Compare` and its kin. */
export class SemverValue extends MarshalledStruct {
  readonly version: Semver;

  constructor(version: Semver) {
    const text = printSemver(version);
    super({ type: versionType, fields: {}, methods: METHODS, text: () => text, json: () => text });
    this.version = version;
  }
}

const takeVersion = takeObject(versionType, SemverValue);

const METHODS = new Map<string, (receiver: GoValue) => GoFunction>([
  ["Major", get(({ major }) => uint64(major))],
  ["Minor", get(({ minor }) => uint64(minor))],
  ["Patch", get(({ patch }) => uint64(patch))],
  ["Prerelease", get(({ prerelease }) => prerelease)],
  ["Metadata", get(({ metadata }) => metadata)],
  ["Original", get(({ original }) => original)],
  ["String", get(printSemver)],
  ["Compare", compared((order) => BigInt(Math.sign(order)))],
  ["Equal", compared((order) => order === 0)],
  ["LessThan", compared((order) => order < 0)],
  ["GreaterThan", compared((order) => order > 0)],
  ["IncMajor", get((version) => next(version, { major: version.major + 1n, minor: 0n, patch: 0n }))],
  ["IncMinor", get((version) => next(version, { minor: version.minor + 1n, patch: 0n }))],
  ["IncPatch", get((version) => next(version, { patch: version.patch + (version.prerelease === "" ? 1n : 0n) }))],
]);

function get(read: (version: Semver) => GoResult): (receiver: GoValue) => GoFunction {
  return (receiver) => goFunction([], () => (receiver instanceof SemverValue ? read(receiver.version) : null));
}

function compared(test: (order: number) => GoResult): (receiver: GoValue) => GoFunction {
  return (receiver) =>
    goFunction([takeVersion], (other) =>
      receiver instanceof SemverValue ? test(compareSemver(receiver.version, other.version)) : null,
    );
}

function next(version: Semver, change: Partial<Semver>): SemverValue {
  const changed = { ...version, prerelease: "", metadata: "", ...change };
  const prefix = version.original.startsWith("v") ? "v" : "";
  return new SemverValue({ ...changed, original: prefix + printSemver(changed) });
}
