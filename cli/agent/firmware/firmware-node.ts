import { existsSync } from "node:fs";
import { join } from "node:path";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { FirmwareState, OfferedFirmware } from "#base/protocol/rollout.ts";
import type { FirmwareOrder } from "#daemons/rollout/rollout-keeper.ts";
import {
  OS_RELEASE,
  PLACES,
  readIfThere,
  readUpdateRecord,
  runningSlot,
  troublesOf,
  versionIn,
  type Places,
} from "#os-image/firmware/node/machine.ts";
import type { UpdateRecord } from "#os-image/firmware/node/update-record.ts";

/** The firmware of this machine, as its agent knows it. */
export interface FirmwareNode {
  state(): Promise<FirmwareState>;
  /** Rejects where this machine does not take it. */
  offered(order: FirmwareOrder): Promise<OfferedFirmware>;
  /** Begins to write it; the machine then restarts. Rejects while another is written. */
  order(order: FirmwareOrder): void;
  /**
   * At its next start the machine forgets everything, or what its agent keeps; that start is begun. Rejects with {@link BUSY} while an
   * update is written.
   */
  reset(what: Reset): Promise<void>;
}

export const RESETS = ["data", "all"] as const;
export type Reset = (typeof RESETS)[number];
export const BUSY = "firmware_busy";

export interface FirmwareNodeDeps {
  readonly env: Pick<Env, "exec" | "http" | "log">;
  /** The program that has `os update`. */
  readonly self: readonly string[];
  /** Default: those of a machine that runs it. */
  readonly places?: Places;
  readonly releasePath?: string;
}

const UPDATE_MS = 3_000_000;
const RESET_MS = 60_000;

/** Whether this machine runs our firmware from a disk. */
export function runsFirmware(places: Places = PLACES): boolean {
  return existsSync(join(places.run, "slot")) && !existsSync(join(places.run, "from-network"));
}

export function createFirmwareNode(deps: FirmwareNodeDeps): FirmwareNode {
  const { env, places = PLACES, releasePath = OS_RELEASE } = deps;
  let last: FirmwareState["Order"] = null;
  let isReset = false;
  const version = async (): Promise<string> => versionIn(await readIfThere(releasePath));
  return {
    async state() {
      const [update, troubles] = await Promise.all([readUpdateRecord(places), troublesOf(places)]);
      return {
        Version: await version(),
        Slot: (await runningSlot(places)) ?? "",
        Judged: existsSync(join(places.run, "judged")),
        Update: update === undefined ? null : stateOf(update),
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
      if (isReset) throw new CodedError(BUSY, "it is reset now");
      if (last?.Running === true) {
        // Whoever leads now may not know that it was told already.
        if (last.Source === order.Source) return;
        throw new CodedError(BUSY, `it writes ${last.Source} now`);
      }
      last = { Source: order.Source, Running: true, Problem: "" };
      env.log.info("the firmware is updated", { source: order.Source });
      const end = (Problem: string): void => {
        last = { Source: order.Source, Running: false, Problem };
        if (Problem !== "") env.log.error("the firmware was not updated", { error: Problem });
      };
      runUpdate(deps, order).then(end, (thrown: unknown) => end(messageOf(thrown)));
    },
    async reset(what) {
      // Of a stick's update, too, and of one that somebody typed there.
      const isWritten = (await readUpdateRecord(places))?.state === "installing";
      if (last?.Running === true || isWritten)
        throw new CodedError(BUSY, "an update of this node's firmware is being written");
      if (isReset) throw new CodedError(BUSY, "it is reset already");
      isReset = true;
      env.log.warn("the machine is reset", { what });
      await runReset(deps, what).catch((thrown: unknown) => {
        isReset = false;
        throw thrown;
      });
    },
  };
}

function stateOf({ version, from, slot, state, at, reason = "" }: UpdateRecord): FirmwareState["Update"] {
  return { Version: version, From: from, Slot: slot, State: state, At: at, Reason: reason };
}

/** @returns what went wrong; empty: nothing */
async function runUpdate({ env, self }: FirmwareNodeDeps, { Source, Older }: FirmwareOrder): Promise<string> {
  const argv = [...self, "os", "update", Source, "-reboot", ...(Older ? ["-older"] : [])];
  return problemOf("update", await env.exec.run(argv, { timeoutMs: UPDATE_MS }));
}

async function runReset({ env, self }: FirmwareNodeDeps, what: Reset): Promise<void> {
  const argv = [...self, "os", "reset", "-yes", ...(what === "data" ? ["-data"] : []), "-reboot"];
  const problem = problemOf("reset", await env.exec.run(argv, { timeoutMs: RESET_MS }));
  if (problem !== "") throw new CodedError("firmware_reset", `this node was not reset: ${problem}`);
}

function problemOf(verb: string, { code, stderr }: Awaited<ReturnType<Env["exec"]["run"]>>): string {
  if (code === 0) return "";
  return stderr.trim() === "" ? `\`lares os ${verb}\` ended with ${code}` : (stderr.trim().split("\n")[0] ?? "");
}
