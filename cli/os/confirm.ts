import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { condemned, confirmed, type SlotName } from "#os-image/firmware/node/boot-env.ts";
import {
  CLAIM_PATH,
  OS_RELEASE,
  PLACES,
  readBootEnv,
  readIfThere,
  readUpdateRecord,
  runningSlot,
  startsOf,
  troublesOf,
  versionIn,
  writeBootEnv,
  writeUpdateRecord,
} from "#os-image/firmware/node/machine.ts";
import { judgeStart, type UpdateRecord } from "#os-image/firmware/node/update-record.ts";
import type { Output, RunCommand } from "../command/command.ts";
import { failedChecks } from "./check.ts";
import { onEveryConsole } from "./consoles.ts";
import { agentAnswers, agentsLastWords, clusterAnswers, failedUnits, hasDefaultRoute } from "./health.ts";
import { ownAddresses } from "./own-addresses.ts";
import { osState } from "./status.ts";

/** The unit has waited before for as long as a slow machine needs. */
const AGENT_MS = 20_000;
/** For a server to be heard by the others, and one of them to lead. */
const CLUSTER_MS = 120_000;

/** Exit code 0: confirmed, or as well as before; 1: back to the other slot, for which the machine is restarted. */
export const confirm: RunCommand = async (invocation) => {
  const output = onEveryConsole(invocation.output);
  const env = createEnv({ logLevel: "warn" });
  try {
    const slot = await runningSlot(PLACES);
    if (slot === undefined) {
      // Started from the network it has no slots: there is nothing to confirm, and all to tell.
      const text = (await readIfThere(join(PLACES.run, "slot")))?.trim();
      if (text === "network")
        await tell({ env, output }, { version: versionIn(await readIfThere(OS_RELEASE)), slot: text, problems: [] });
      return 0;
    }
    const record = await readUpdateRecord(PLACES);
    const problems = await problemsOf(env, slot, record);
    const starts = await startsOf(PLACES, record?.slot ?? slot);
    const left = (await readIfThere(join(PLACES.state, "left")))?.trim();
    const verdict = judgeStart({ slot, record, problems, starts, left });
    await writeFile(join(PLACES.run, "judged"), verdict.kind);
    if (verdict.record !== undefined && verdict.record !== record) await writeUpdateRecord(PLACES, verdict.record);
    const before = await readBootEnv(PLACES);
    if (verdict.kind === "go-back") {
      output.error(`lares: this version does not work here: ${problems.join("; ")}; going back to the other slot`);
      const written = await writeBootEnv(PLACES, condemned(before, slot), env.exec);
      if (written.ok) await env.exec.run(["systemctl", "--no-block", "reboot"]);
      // The same slot would start, and judge itself again, for ever.
      else
        await tell({ env, output }, { ...(await osState(env.exec)), problems: [...problems, written.error.message] });
      return 1;
    }
    if (verdict.kind === "confirm") {
      const written = await writeBootEnv(PLACES, confirmed(before, slot), env.exec);
      if (!written.ok) output.error(written.error.message);
    }
    await tell({ env, output }, { ...(await osState(env.exec)), problems });
    return 0;
  } finally {
    env.close();
  }
};

async function problemsOf(
  env: SystemEnv,
  slot: SlotName,
  record: UpdateRecord | undefined,
): Promise<readonly string[]> {
  const found: string[] = [];
  const isNew = record?.state === "installed" && record.slot === slot;
  if (!(await agentAnswers(env, AGENT_MS))) {
    const why = await agentsLastWords(env);
    found.push(`the agent does not answer${why === undefined ? "" : `: ${why}`}`);
  }
  if (isNew && found.length === 0) found.push(...(await problemsAfterUpdate(env, record)));
  if (record?.hadNetwork === true && !hasDefaultRoute()) found.push("there is no network, as there was before");
  found.push(...(await failedChecks(env)));
  const units = await failedUnits(env);
  if (units.length > 0) found.push(`failed: ${units.join(", ")}`);
  return found;
}

/** What the version before did, and this one does not. */
async function problemsAfterUpdate(env: SystemEnv, { hadCluster, ran }: UpdateRecord): Promise<readonly string[]> {
  if (hadCluster && !(await clusterAnswers(env, CLUSTER_MS)))
    return ["the agent does not reach its cluster, as it did before"];
  if (ran.length === 0) return [];
  return (await import("./tasks.ts")).missingTasks(env, ran);
}

interface Told {
  readonly version: string;
  readonly slot: string;
  readonly problems: readonly string[];
}

/** What a person sees on a screen or a serial line. */
async function tell(
  { env, output }: { readonly env: SystemEnv; readonly output: Output },
  { version, slot, problems }: Told,
): Promise<void> {
  const addresses = ownAddresses(env.net);
  const troubles = [...problems, ...(await troublesOf(PLACES))];
  const claim = (await readIfThere(CLAIM_PATH))?.trim() ?? "";
  const lines = [
    "",
    `  Lares ${version} on ${hostname()}, slot ${slot}`,
    ...(addresses.length === 0
      ? ["  no address yet: is the cable plugged in?"]
      : addresses.map((each) => `  http://${each}:4646`)),
    ...(claim === ""
      ? []
      : [`  to take the cluster over, open that page and type ${claim.slice(0, 4)} ${claim.slice(4)}`]),
    ...(troubles.length === 0 ? ["  healthy"] : troubles.map((each) => `  trouble: ${each}`)),
    "",
  ];
  await writeFile(`${PLACES.run}/banner`, `${lines.join("\n")}\n`);
  for (const line of lines) output.line(line);
}
