import { GoError } from "../../value.ts";
import { f1, f2, MAP, STRING, type Defined, type Dict, type Outcome } from "../define.ts";
import { parseConstraints, satisfies } from "../semver/semver-constraint.ts";
import { parseSemver } from "../semver/semver.ts";
import { SemverValue } from "../semver/semver-value.ts";
import { hostnameOf, parseGoUrl, printGoUrl } from "../text/go-url.ts";
import { basePath, cleanPath, dirPath, extPath } from "../text/path.ts";

/** sprig's paths, URLs and semantic versions. */
export const pathFunctions: readonly Defined[] = [
  ...both("base", basePath),
  ...both("dir", dirPath),
  ...both("clean", cleanPath),
  ...both("ext", extPath),
  ...both("isAbs", (path) => path.startsWith("/")),
  f1("urlParse", [STRING], (text) => {
    const parsed = parseGoUrl(text);
    if (!parsed.ok) return new GoError(`unable to parse url: ${parsed.error.message}`);
    return new Map(Object.entries({ ...parsed.value, hostname: hostnameOf(parsed.value.host) }));
  }),
  f1("urlJoin", [MAP], urlJoin),
  f1("semver", [STRING], (text) => {
    const version = parseSemver(text);
    return version.ok ? new SemverValue(version.value) : new GoError(version.error.message);
  }),
  f2("semverCompare", [STRING, STRING], (constraint, text) => {
    const constraints = parseConstraints(constraint);
    if (!constraints.ok) return new GoError(constraints.error.message);
    const version = parseSemver(text);
    return version.ok ? satisfies(version.value, constraints.value) : new GoError(version.error.message);
  }),
];

/** `base` and `osBase`: here they are the same. */
function both(name: string, run: (path: string) => Outcome): readonly Defined[] {
  const upper = name.charAt(0).toUpperCase() + name.slice(1);
  return [f1(name, [STRING], run), f1(`os${upper}`, [STRING], run)];
}

function urlJoin(parts: Dict): Outcome {
  for (const [key, value] of parts)
    if (typeof value !== "string") return new GoError(`unable to parse ${String(key)} key, must be of type string`);
  const of = (key: string): string => STRING.take(parts.get(key) ?? "") ?? "";
  return printGoUrl({
    scheme: of("scheme"),
    opaque: of("opaque"),
    userinfo: of("userinfo"),
    host: of("host"),
    path: of("path"),
    query: of("query"),
    fragment: of("fragment"),
  });
}
