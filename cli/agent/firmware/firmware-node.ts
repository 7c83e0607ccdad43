import { existsSync } from "node:fs";
import { join } from "node:path";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { FirmwareState, OfferedFirmware } from "#base/protocol/rollout.ts";
import type { FirmwareOrder } from "#daemons/rollout/rollout-keeper.ts";
import {
  PLACES,
  readIfThere,
  readUpdateRecord,
  runningSlot,
  troublesOf,
  versionIn,
  type Places,
} from "#os-image/firmware/node/machine.ts";

/** The firmware of this machine, as its agent knows it. */
export interface FirmwareNode {
  state(): Promise<FirmwareState>;
  /** Rejects where this machine does not take it. */
  offered(order: FirmwareOrder): Promise<OfferedFirmware>;
  /** Begins to write it; the machine then restarts. Rejects while another is written. */
  order(order: FirmwareOrder): void;
}

export interface FirmwareNodeDeps {
  readonly env: Pick<Env, "exec" | "http" | "log">;
  /** The program that has `os update`. */
  readonly self: readonly string[];
  /** Default: those of a machine that runs it. */
  readonly places?: Places;
  readonly releasePath?: string;
}

const RELEASE = "/usr/lib/os-release";
const UPDATE_MS = 3_000_000;

/** Whether this machine runs our firmware from a disk. */
export function runsFirmware(places: Places = PLACES): boolean {
  return existsSync(join(places.run, "slot")) && !existsSync(join(places.run, "from-network"));
}

export function createFirmwareNode(deps: FirmwareNodeDeps): FirmwareNode {
  const { env, self, places = PLACES, releasePath = RELEASE } = deps;
  let last: FirmwareState["Order"] = null;
  const version = async (): Promise<string> => versionIn(await readIfThere(releasePath));
  const carryOut = async ({ Source, Older }: FirmwareOrder): Promise<string> => {
    const argv = [...self, "os", "update", Source, "-reboot", ...(Older ? ["-older"] : [])];
    const { code, stderr } = await env.exec.run(argv, { timeoutMs: UPDATE_MS });
    if (code === 0) return "";
    return stderr.trim() === "" ? `\`lares os update\` ended with ${code}` : (stderr.trim().split("\n")[0] ?? "");
  };
  return {
    async state() {
      const [update, troubles] = await Promise.all([readUpdateRecord(places), troublesOf(places)]);
      return {
        Version: await version(),
        Slot: (await runningSlot(places)) ?? "",
        Judged: existsSync(join(places.run, "judged")),
        Update:
          update === undefined
            ? null
            : {
                Version: update.version,
                From: update.from,
                Slot: update.slot,
                State: update.state,
                At: update.at,
                Reason: update.reason ?? "",
              },
        Order: last,
        Troubles: [...troubles],
      };
    },
    async offered({ Source, Older }) {
      const { offerOf, requireUsable } = await import("../../os/offer.ts");
      const [offer, Running] = await Promise.all([offerOf(env, Source), version()]);
      requireUsable({ version: offer.version, than: Running, older: Older });
      return { Version: offer.version, Running, Bundle: offer.bundle };
    },
    order(order) {
      if (last?.Running === true) {
        // Whoever leads now may not know that it was told already.
        if (last.Source === order.Source) return;
        throw new CodedError("firmware_busy", `it writes ${last.Source} now`);
      }
      last = { Source: order.Source, Running: true, Problem: "" };
      env.log.info("the firmware is updated", { source: order.Source });
      const end = (Problem: string): void => {
        last = { Source: order.Source, Running: false, Problem };
        if (Problem !== "") env.log.error("the firmware was not updated", { error: Problem });
      };
      carryOut(order).then(end, (thrown: unknown) => end(messageOf(thrown)));
    },
  };
}
