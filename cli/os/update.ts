import { CodedError } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { chosen, otherSlot } from "#os-image/firmware/node/boot-env.ts";
import { tellFlashed } from "#os-image/firmware/node/flashed.ts";
import {
  keep,
  PLACES,
  readBootEnv,
  withWritableBoot,
  writeBootEnv,
  writeUpdateRecord,
} from "#os-image/firmware/node/machine.ts";
import type { UpdateRecord } from "#os-image/firmware/node/update-record.ts";
import { UsageError, type Invocation, type RunCommand } from "../command/command.ts";
import { clusterAnswers, hasDefaultRoute } from "./health.ts";
import { lastLine, offerOf, requireUsable } from "./offer.ts";
import { osState, type OsState } from "./status.ts";
import { ranSteadily, readTasks } from "./tasks.ts";

const INSTALL_MS = 1_800_000;
const START_MS = 180_000;
const RAUC = "/var/lib/rauc";

/** Exit code 0: written, and started next; 1: not, and the running slot is as it was. */
export const osUpdate: RunCommand = async (invocation) => {
  const { operands, flags } = invocation;
  const [source, ...more] = operands;
  if (source === undefined || more.length > 0)
    throw new UsageError("name one update: a file (NAME.raucb), its URL, or that of a channel (NAME.json)");
  if (flags.on("agent") && flags.value("flavour") !== undefined)
    throw new UsageError("-flavour is about the whole system, and -agent about the agent alone: give one of them");
  if (flags.on("agent")) return (await import("./agent-update.ts")).updateAgent(source, invocation);
  const env = createEnv({ logLevel: "warn" });
  try {
    const state = await osState(env.exec);
    const { version, bundle } = await offerOf(env, source, flags.value("flavour"));
    requireUsable({ version, than: state.version, older: flags.on("older") });
    return await takeUpdate(env, { version, bundle, state }, invocation);
  } finally {
    env.close();
  }
};

interface Taking {
  readonly version: string;
  readonly bundle: string;
  /** Of this machine, as it runs. */
  readonly state: Pick<OsState, "slot" | "version">;
}

/** Writes it into the other slot, and keeps what came of it. Throws when it could not be written. */
export async function takeUpdate(
  env: SystemEnv,
  { version, bundle, state }: Taking,
  invocation: Pick<Invocation, "flags" | "output">,
): Promise<number> {
  const { flags, output } = invocation;
  const record: UpdateRecord = {
    schema: 1,
    state: "installing",
    slot: otherSlot(state.slot),
    version,
    from: state.version,
    at: new Date(env.clock.nowMs()).toISOString(),
    hadNetwork: hasDefaultRoute(),
    hadCluster: await clusterAnswers(env, 0),
    ran: [],
  };
  await keep(PLACES, { name: "starts", text: "" });
  await keep(PLACES, { name: "left", text: "" });
  await writeUpdateRecord(PLACES, record);
  // An update without it takes longer, and is as good.
  await tellFlashed(PLACES, state.slot, RAUC).catch(() => {});
  const problem = await install(env, bundle);
  if (problem !== undefined) {
    await writeUpdateRecord(PLACES, { ...record, state: "failed", reason: problem });
    throw new CodedError("os_install", `the update was not installed: ${problem}`, "the running system is as it was");
  }
  const ran = ranSteadily(await readTasks(env.disk), env.clock.nowMs());
  await writeUpdateRecord(PLACES, { ...record, state: "installed", ran });
  if (flags.on("json")) output.line(JSON.stringify({ ...record, state: "installed" }, undefined, 2));
  else
    output.line(
      `Lares ${version} is in slot ${record.slot} and starts next${flags.on("reboot") ? "" : ": restart the machine"}.`,
    );
  return rebootIfAsked(env, invocation);
}

export const osRollback: RunCommand = async (invocation) => {
  const { flags, output } = invocation;
  const env = createEnv({ logLevel: "warn" });
  try {
    const state = await osState(env.exec);
    if (state.other === "")
      throw new CodedError("os_no_other", "the other slot is empty", "it is filled by the first update");
    const slot = otherSlot(state.slot);
    const written = await writeBootEnv(PLACES, chosen(await readBootEnv(PLACES), slot), env.exec);
    if (!written.ok) throw new CodedError(written.error.code, written.error.message, written.error.hint);
    if (flags.on("json")) output.line(JSON.stringify({ slot, version: state.other }));
    else output.line(`Slot ${slot} with Lares ${state.other} starts next.`);
    return await rebootIfAsked(env, invocation);
  } finally {
    env.close();
  }
};

/** @returns what went wrong */
async function install(env: SystemEnv, bundle: string): Promise<string | undefined> {
  let problem: string | undefined;
  // A call over D-Bus starts it as well, but gives up after 25 s, which a slow processor that has other work needs.
  await env.exec.run(["systemctl", "start", "rauc.service"], { timeoutMs: START_MS });
  const opened = await withWritableBoot(PLACES, env.exec, async () => {
    const done = await env.exec.run(["rauc", "install", bundle], { timeoutMs: INSTALL_MS });
    if (done.code !== 0) problem = reasonIn(`${done.stdout}\n${done.stderr}`);
  });
  await env.exec.run(["sync"]);
  return opened.ok ? problem : opened.error.message;
}

async function rebootIfAsked(env: SystemEnv, { flags }: Pick<Invocation, "flags">): Promise<number> {
  if (flags.on("reboot")) await env.exec.run(["systemctl", "--no-block", "reboot"]);
  return 0;
}

/** RAUC says `LastError: …` among its progress. */
function reasonIn(said: string): string {
  return /LastError: *(.+)/.exec(said)?.[1]?.trim() ?? lastLine(said);
}
