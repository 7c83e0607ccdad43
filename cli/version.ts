import packageJson from "../package.json" with { type: "json" };
import type { RunCommand } from "./command/command.ts";

export const VERSION = packageJson.version;

/** The commit it was built from; empty where nobody knows, and in the sources themselves. */
export const REVISION = "revision" in packageJson ? String(packageJson.revision) : "";

export const version: RunCommand = ({ flags, output }) => {
  if (flags.on("json"))
    output.line(
      JSON.stringify({
        version: VERSION,
        revision: REVISION,
        node: process.versions.node,
        platform: process.platform,
        arch: process.arch,
      }),
    );
  else output.line(`Lares v${VERSION}`);
  return Promise.resolve(0);
};
