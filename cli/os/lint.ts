import { lintBuild } from "#os-image/firmware/recipe/lint.ts";
import type { RunCommand } from "../command/command.ts";
import { recipeOf } from "./recipe.ts";

/** Exit code 0 without errors (warnings are printed), 2 with. */
export const osLint: RunCommand = (invocation) => {
  const { flags, output } = invocation;
  const build = recipeOf(invocation);
  if (!build.ok) {
    output.error(build.error.hint === undefined ? build.error.message : `${build.error.message}\n${build.error.hint}`);
    return Promise.resolve(2);
  }
  const findings = lintBuild(build.value);
  if (flags.on("json")) output.line(JSON.stringify(findings, undefined, 2));
  else
    for (const { severity, where, message, hint } of findings)
      output.line(`${severity}: ${where} ${message}: ${hint ?? ""}`);
  return Promise.resolve(findings.some((finding) => finding.severity === "error") ? 2 : 0);
};
