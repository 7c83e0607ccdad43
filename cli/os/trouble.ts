import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { PLACES } from "#os-image/firmware/node/machine.ts";
import type { Invocation } from "../command/command.ts";

/** Something is wrong with this machine: said now, and shown until the next start. */
export async function trouble({ output }: Pick<Invocation, "output">, message: string): Promise<void> {
  output.error(`lares: ${message}`);
  await appendFile(join(PLACES.run, "troubles"), `${message.replaceAll("\n", " ")}\n`);
}
