import type { RunCommand } from "./command/command.ts";
import { examine } from "./setup/examine.ts";

/** Exit code 0 when nothing is missing that the agent needs, else 1. */
export const doctor: RunCommand = ({ flags, output }) => {
  const findings = examine();
  if (flags.on("json")) output.line(JSON.stringify(findings, undefined, 2));
  else {
    for (const finding of findings) {
      output.line(`${finding.ok ? "ok     " : "missing"} ${finding.what}: ${finding.detail}`);
      if (!finding.ok) output.line(`        remedy: ${finding.remedy}`);
    }
  }
  return Promise.resolve(findings.every((finding) => finding.ok) ? 0 : 1);
};
