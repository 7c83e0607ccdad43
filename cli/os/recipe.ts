import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CodedError, type Result } from "#base/env/errors.ts";
import { readBuild } from "#os-image/firmware/recipe/read-system.ts";
import type { Build } from "#os-image/firmware/recipe/recipe.ts";
import type { Invocation } from "../command/command.ts";

const USUAL = "os-image/firmware/lares.os.hcl";

/** The recipe that is named, or the one of the source tree. */
export function recipeOf({ operands, flags }: Invocation): Result<Build> {
  const path = resolve(operands[0] ?? USUAL);
  if (!existsSync(path))
    throw new CodedError("os_no_recipe", `there is no ${path}`, "run this in the source tree, or name a NAME.os.hcl");
  return readBuild(path, readText, {
    target: flags.value("target") ?? "amd64",
    flavour: flags.value("flavour") ?? "minimal",
  });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
