import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { readChecks } from "#os-image/firmware/check/check-tables.ts";
import { evaluate, type Outcome } from "#os-image/firmware/check/evaluate.ts";
import { liveSubject } from "#os-image/firmware/check/live.ts";
import type { Subject } from "#os-image/firmware/check/subject.ts";
import { treeSubject } from "#os-image/firmware/check/tree.ts";
import type { RunCommand } from "../command/command.ts";

const OWN = "/usr/lib/lares/checks";
/** What has to hold for a start to be confirmed. */
const NEEDED = "machine.checks.hcl";
/** Services of the agent begin one after the other. */
const SETTLE_MS = 30_000;
const PAUSE_MS = 2000;

/** Exit code 0: all is as it has to be; 1: not; 2: a file of checks has a mistake. */
export const osCheck: RunCommand = async ({ operands, flags, output }) => {
  const env = createEnv({ logLevel: "warn" });
  try {
    const root = flags.value("root");
    const subject = root === undefined ? liveSubject(env.exec, env.net) : treeSubject(resolve(root));
    const paths = operands.length > 0 ? operands.map((each) => resolve(each)) : await ownFiles(root);
    const outcomes = await outcomesOf(paths, subject);
    const failed = outcomes.filter(({ result }) => result === "failed");
    if (flags.on("json")) output.line(JSON.stringify(outcomes, undefined, 2));
    else {
      const shown = flags.on("quiet") ? failed : outcomes;
      for (const { resource, result, problem } of shown)
        output.line(`${result.padEnd(7)} ${resource}${problem === "" ? "" : `: ${problem}`}`);
      if (!flags.on("quiet"))
        output.line(`${outcomes.length - failed.length} as they have to be, ${failed.length} not`);
    }
    return failed.length === 0 ? 0 : 1;
  } finally {
    env.close();
  }
};

/** Of this machine, what speaks against confirming its start: what does not hold within half a minute, either. */
export async function failedChecks(env: SystemEnv): Promise<readonly string[]> {
  const deadline = env.clock.monotonicMs() + SETTLE_MS;
  for (;;) {
    const failed = await failedNow(env);
    if (failed.length === 0 || env.clock.monotonicMs() > deadline) return failed;
    await sleep(env.clock, PAUSE_MS);
  }
}

async function failedNow(env: SystemEnv): Promise<readonly string[]> {
  const outcomes = await outcomesOf([join(OWN, NEEDED)], liveSubject(env.exec, env.net)).catch(() => []);
  return outcomes.filter(({ result }) => result === "failed").map(({ resource, problem }) => `${resource}: ${problem}`);
}

async function ownFiles(root: string | undefined): Promise<readonly string[]> {
  const folder = join(resolve(root ?? "/"), OWN);
  const names = await readdir(folder).catch((): string[] => []);
  if (names.length > 0) return names.toSorted().map((name) => join(folder, name));
  throw new CodedError("os_no_checks", `there are no checks in ${folder}`, "name files: NAME.checks.hcl");
}

async function outcomesOf(paths: readonly string[], subject: Subject): Promise<readonly Outcome[]> {
  const found: Outcome[] = [];
  for (const path of paths) {
    const checks = readChecks(path, (each) => {
      try {
        return readFileSync(each, "utf8");
      } catch {
        return undefined;
      }
    });
    if (!checks.ok) throw new CodedError(checks.error.code, checks.error.message, checks.error.hint);
    found.push(...(await evaluate(checks.value, subject)));
  }
  return found;
}
