import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEnv } from "#base/platform/create-env.ts";
import { readEmbeddedText } from "#base/platform/embedded/files.ts";
import { assert } from "#base/env/assert.ts";
import type { RunCommand } from "./command/command.ts";
import { examine } from "./setup/examine.ts";

const INSTALL_TIMEOUT_MS = 1_800_000;

/** Applies the remedies that are Debian packages; the others are named. Exit code 0 when nothing is missing afterwards. */
export const setup: RunCommand = async ({ flags, output }) => {
  const missing = examine().filter((finding) => !finding.ok);
  const names = missing.flatMap((finding) => finding.package ?? []);
  for (const finding of missing) output.line(`missing ${finding.what}: ${finding.detail}`);
  if (names.length > 0) {
    output.line(`${flags.on("dry-run") ? "would install" : "installing"}: ${names.join(" ")}`);
    if (!flags.on("dry-run")) {
      const code = await install(names, (text) => output.error(text));
      if (code !== 0) return 1;
    }
  }
  const left = flags.on("dry-run") ? missing : examine().filter((finding) => !finding.ok);
  for (const finding of left.filter(({ package: name }) => name === undefined))
    output.line(`to do by hand: ${finding.remedy}`);
  if (left.length === 0) output.line("nothing is missing");
  return left.length === 0 ? 0 : 1;
};

async function install(names: readonly string[], say: (text: string) => void): Promise<number> {
  if (process.getuid?.() !== 0) {
    say(`run as root: apt-get install --no-install-recommends ${names.join(" ")}`);
    return 1;
  }
  const script = readEmbeddedText("cli/setup/install-packages.sh");
  assert(script !== undefined, "the build embeds cli/setup/install-packages.sh");
  const env = createEnv();
  const folder = await mkdtemp(join(tmpdir(), "lares-setup-"));
  const file = join(folder, "install-packages.sh");
  try {
    await writeFile(file, script, { mode: 0o700 });
    const result = await env.exec.run(["/bin/sh", file, ...names], { timeoutMs: INSTALL_TIMEOUT_MS });
    if (result.code !== 0)
      say(`installing failed (exit code ${result.code}):\n${result.stdout.slice(-2000)}${result.stderr.slice(-2000)}`);
    return result.code;
  } finally {
    await rm(folder, { recursive: true });
    env.close();
  }
}
