import { readFileSync } from "node:fs";
import { readBuild } from "#os-image/firmware/recipe/read-system.ts";
import type { Build } from "#os-image/firmware/recipe/recipe.ts";

export const root = new URL("../../../", import.meta.url).pathname;
export const recipe = `${root}os-image/firmware/lares.os.hcl`;

export function read(
  changes: Readonly<Record<string, (text: string) => string>> = {},
): (path: string) => string | undefined {
  return (path) => {
    try {
      const change = Object.entries(changes).find(([end]) => path.endsWith(end))?.[1];
      const text = readFileSync(path, "utf8");
      return change === undefined ? text : change(text);
    } catch {
      return undefined;
    }
  };
}

export function build(flavour = "minimal", changes: Parameters<typeof read>[0] = {}, target = "amd64"): Build {
  const found = readBuild(recipe, read(changes), { target, flavour });
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}
