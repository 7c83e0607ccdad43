import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { PLACES, readUpdateRecord } from "#os-image/firmware/node/machine.ts";
import { chooseUpdate, type StickUpdate } from "#os-image/firmware/node/stick.ts";
import { UsageError, type FlagValues, type RunCommand } from "../command/command.ts";
import { offerOf } from "./offer.ts";
import { osState } from "./status.ts";
import { takeUpdate } from "./update.ts";

/** Where updates lie on a stick. */
const FOLDERS = [".", "lares"];
const MAX_FILES = 16;
const RESTARTING: FlagValues = { on: (name) => name === "reboot", value: () => undefined, values: () => [] };

/** Exit code 0: what was on it was taken, or was nothing for this machine; 1: it could not be read or written. */
export const osStick: RunCommand = async ({ operands, output }) => {
  const [device] = operands;
  if (device === undefined) throw new UsageError("name the stick's device");
  const env = createEnv({ logLevel: "warn" });
  const folder = join(PLACES.run, "stick");
  await mkdir(folder, { recursive: true });
  try {
    const mounted = await env.exec.run(["mount", "-o", "ro,nosuid,nodev,noexec", device, folder]);
    if (mounted.code !== 0) {
      output.error(`lares: cannot read ${device}: ${mounted.stderr.trim()}`);
      return 1;
    }
    try {
      const files = await updatesIn(folder);
      if (files.length === 0) return 0;
      const found = await madeForUs(env, files, (line) => output.error(line));
      const state = await osState(env.exec);
      const choice = chooseUpdate(found, state.version, await readUpdateRecord(PLACES));
      if (choice.kind === "pass") {
        output.line(`lares: the stick's update is not taken: ${choice.why}`);
        return 0;
      }
      const { version, file } = choice.update;
      output.line(
        `lares: the update ${version} of the stick is written; leave the stick in until the machine restarts`,
      );
      return await takeUpdate(env, { version, bundle: file, state }, { flags: RESTARTING, output });
    } finally {
      await env.exec.run(["umount", "--lazy", folder]);
    }
  } finally {
    env.close();
  }
};

async function updatesIn(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const each of FOLDERS) {
    const names = await readdir(join(folder, each)).catch((): string[] => []);
    found.push(...names.filter((name) => /^[^.].*\.raucb$/i.test(name)).map((name) => join(folder, each, name)));
  }
  return found.slice(0, MAX_FILES);
}

async function madeForUs(
  env: SystemEnv,
  files: readonly string[],
  say: (line: string) => void,
): Promise<readonly StickUpdate[]> {
  const found: StickUpdate[] = [];
  for (const file of files)
    try {
      const { version } = await offerOf(env, file);
      found.push({ file, version });
    } catch (thrown) {
      say(`lares: ${file.split("/").at(-1) ?? file}: ${messageOf(thrown)}`);
    }
  return found;
}
