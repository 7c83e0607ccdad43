import { join } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import { PLACES, readIfThere } from "#os-image/firmware/node/machine.ts";
import { readWear, wearLines } from "#os-image/firmware/node/wear.ts";
import type { RunCommand } from "../command/command.ts";

/** Exit code 1: the disk is read-only. */
export const osWear: RunCommand = async ({ flags, output }) => {
  const disk = (await readIfThere(join(PLACES.run, "disk-name")))?.trim();
  if (disk === undefined)
    throw new CodedError(
      "os_not_firmware",
      "this machine does not run the Lares firmware from a disk",
      "docs/firmware.md",
    );
  const wear = await readWear(disk, "/");
  if (flags.on("json")) output.line(JSON.stringify(wear, undefined, 2));
  else for (const line of wearLines(wear)) output.line(line);
  return wear.readOnly ? 1 : 0;
};
