import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";

const OWNER_ONLY = { folder: 0o700, file: 0o600 };
const VariablesSchema = v.record(v.string(), v.string());

/**
 * Keeps the identities that a task has in its environment, beside the folders it sees: an agent that takes the task up
 * again renders its templates with what the task really has, not with new ones that would change every file.
 */
export async function keepVariables(disk: Disk, taskDir: string, variables: Readonly<Record<string, string>>) {
  if (Object.keys(variables).length === 0) return;
  await disk.makeDir(join(taskDir, "private"), { mode: OWNER_ONLY.folder, durable: false });
  await disk.replace(placeIn(taskDir), JSON.stringify(variables), { mode: OWNER_ONLY.file });
}

/** Empty when the task has none. */
export async function keptVariables(disk: Disk, taskDir: string): Promise<Readonly<Record<string, string>>> {
  const bytes = await disk.read(placeIn(taskDir));
  return bytes === undefined ? {} : v.parse(v.pipe(v.string(), v.parseJson(), VariablesSchema), textOf(bytes));
}

function placeIn(taskDir: string): string {
  return join(taskDir, "private", "identities.json");
}
