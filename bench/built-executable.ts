import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchContext } from "./harness.ts";

const root = new URL("..", import.meta.url).pathname;

/** The executable of this machine, as it is in `dist/`, or built there. */
export async function builtExecutable(context: BenchContext): Promise<string> {
  const executable = join(root, "dist", `lares-linux-${process.arch}`);
  if (existsSync(executable)) return executable;
  context.say("building the executable");
  const argv = [join(root, "scripts/build.ts"), process.arch];
  await promisify(execFile)(join(root, "scripts/node"), argv, { cwd: root, maxBuffer: 1 << 26 });
  return executable;
}
