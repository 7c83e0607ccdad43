import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import { PLACES, readIfThere, runningSlot } from "#os-image/firmware/node/machine.ts";
import type { RunCommand } from "../command/command.ts";

/** What is kept of the log over starts, the oldest first. */
export const osLog: RunCommand = async ({ output }) => {
  if ((await runningSlot(PLACES)) === undefined)
    throw new CodedError(
      "os_not_firmware",
      "this machine does not run the Lares firmware",
      "elsewhere `journalctl -p warning` shows the log",
    );
  const folder = join(PLACES.state, "log");
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => /^\d$/.test(name));
  for (const name of names.toSorted().toReversed()) {
    const text = (await readIfThere(join(folder, name))) ?? "";
    for (const line of text.split("\n")) if (line !== "") output.line(line);
  }
  return 0;
};
