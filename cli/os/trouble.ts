import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { PLACES, troublesOf } from "#os-image/firmware/node/machine.ts";
import type { Invocation } from "../command/command.ts";

/** Something is wrong with this machine: said once, however often it is tried again, and shown until the next start. */
export async function trouble({ output }: Pick<Invocation, "output">, message: string): Promise<void> {
  const line = message.replaceAll("\n", " ");
  if ((await troublesOf(PLACES)).includes(line)) return;
  output.error(`lares: ${message}`);
  await appendFile(join(PLACES.run, "troubles"), `${line}\n`);
}
