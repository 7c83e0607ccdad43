import { join } from "node:path";
import { CodedError } from "#base/env/errors.ts";
import type { Exec } from "#base/env/exec.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { nextSlot, otherSlot, type SlotName } from "#os-image/firmware/node/boot-env.ts";
import {
  flavourIn,
  OS_RELEASE,
  PLACES,
  readBootEnv,
  readIfThere,
  readUpdateRecord,
  runningSlot,
  troublesOf,
  versionIn,
} from "#os-image/firmware/node/machine.ts";
import type { UpdateRecord } from "#os-image/firmware/node/update-record.ts";
import type { RunCommand } from "../command/command.ts";

export interface OsState {
  readonly slot: SlotName;
  readonly next: SlotName;
  readonly version: string;
  readonly variant: string;
  /** Version in the slot that does not run; empty: none. */
  readonly other: string;
  readonly update: UpdateRecord | undefined;
  readonly troubles: readonly string[];
  readonly dataInMemory: boolean;
}

export const osStatus: RunCommand = async ({ flags, output }) => {
  const env = createEnv({ logLevel: "warn" });
  try {
    const state = await osState(env.exec);
    if (flags.on("json")) output.line(JSON.stringify(state, undefined, 2));
    else for (const line of stateLines(state)) output.line(line);
    return state.troubles.length === 0 ? 0 : 1;
  } finally {
    env.close();
  }
};

/** Throws where the machine does not run our firmware. */
export async function osState(exec: Exec): Promise<OsState> {
  const slot = await runningSlot(PLACES);
  if (slot === undefined)
    throw new CodedError(
      "os_not_firmware",
      "this machine does not run the Lares firmware",
      "flash it: docs/firmware.md",
    );
  const release = await readIfThere(OS_RELEASE);
  return {
    slot,
    next: nextSlot(await readBootEnv(PLACES)),
    version: versionIn(release),
    variant: flavourIn(release) ?? "",
    other: await versionOf(exec, otherSlot(slot)),
    update: await readUpdateRecord(PLACES),
    troubles: await troublesOf(PLACES),
    dataInMemory: (await readIfThere(join(PLACES.run, "data-in-memory"))) !== undefined,
  };
}

function stateLines(state: OsState): readonly string[] {
  const { update } = state;
  const last =
    update === undefined
      ? []
      : [
          `last update: ${update.from} to ${update.version} in slot ${update.slot}, ${update.state}${update.reason === undefined ? "" : `: ${update.reason}`}`,
        ];
  return [
    `running:     slot ${state.slot}, Lares ${state.version} (${state.variant})`,
    `other slot:  ${state.other === "" ? "empty" : `Lares ${state.other}`}`,
    `next start:  slot ${state.next}`,
    ...last,
    ...(state.dataInMemory ? ["data:        in memory only, lost at the next start"] : []),
    ...state.troubles.map((each) => `trouble:     ${each}`),
  ];
}

async function versionOf(exec: Exec, slot: SlotName): Promise<string> {
  const folder = join(PLACES.run, "other-slot");
  const device = join(PLACES.run, "disk", `root-${slot.toLowerCase()}`);
  await exec.run(["mkdir", "-p", folder]);
  const mounted = await exec.run(["mount", "-t", "squashfs", "-o", "ro", device, folder]);
  if (mounted.code !== 0) return "";
  const version = versionIn(await readIfThere(join(folder, "usr/lib/os-release")));
  await exec.run(["umount", folder]);
  return version;
}
