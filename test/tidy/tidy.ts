import { checkEffects } from "./effects.ts";
import { checkImports } from "./imports.ts";
import { checkModuleState } from "./module-state.ts";
import { checkShape } from "./shape.ts";
import { parseSource } from "./source.ts";
import type { Violation } from "./violation.ts";

/**
 * Checks a tree of files against the rules that no compiler knows.
 * @param files path inside the repository → text; sources and READMEs
 */
export function checkTree(files: ReadonlyMap<string, string>): Violation[] {
  const found = checkShape(files);
  for (const [path, text] of files) {
    if (!/\.(ts|mjs|js)$/.test(path) || path.includes("/fixtures/")) continue;
    const source = parseSource(path, text);
    if (source === undefined) {
      found.push({ rule: "syntax", path, line: 1, message: "does not parse" });
      continue;
    }
    found.push(...checkImports(source), ...checkEffects(source), ...checkModuleState(source));
  }
  return found;
}
