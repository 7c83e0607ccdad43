import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { keep, OUTSIDE, PLACES, readIfThere } from "#os-image/firmware/node/machine.ts";
import type { Invocation } from "../command/command.ts";
import { VERSION } from "../version.ts";
import { lastLine, offerOf, requireUsable } from "./offer.ts";
import { osState } from "./status.ts";

const PROGRAM = "/usr/bin/lares";
/** In the machine's settings: the program, and the version of the slot that it stands in for. */
const FOLDER = join(PLACES.state, "agent");
const NEXT = join(FOLDER, "lares.next");
const OWN = join(FOLDER, "lares");
const FORMER = join(FOLDER, "lares.former");
/** File with the version of the slot it was taken for: with another slot the slot's own program runs. */
const STANDS_FOR = "stands-for";
const ANSWER_MS = 180_000;
const PAUSE_MS = 1000;
const MOUNT_MS = 300_000;

/**
 * Puts the agent of an update in the place of the one that runs, and starts it; tasks go on, as they do over any restart of the
 * agent. One that does not answer is taken back. The slot stays as it is.
 * @returns exit code 0. Throws with the reason when the former agent runs on.
 */
export async function updateAgent(source: string, { flags, output }: Invocation): Promise<number> {
  const env = createEnv({ logLevel: "warn" });
  try {
    const state = await osState(env.exec);
    const { version, bundle } = await offerOf(env, source);
    requireUsable({ version, than: VERSION, older: flags.on("older") });
    await mkdir(FOLDER, { recursive: true });
    await takeOut(env, bundle);
    const said = await env.exec.run([NEXT, "version"], { timeoutMs: ANSWER_MS });
    if (said.code !== 0) throw await givenUp(env, `the new agent does not start: ${lastLine(said.stderr)}`);
    await exchange(env);
    const problem = await whenItAnswers(env, said.stdout.trim());
    if (problem !== undefined) {
      await goBack(env);
      throw await givenUp(env, problem);
    }
    await keep(PLACES, { name: `agent/${STANDS_FOR}`, text: `${state.version}\n` });
    await rm(FORMER, { force: true });
    const running = said.stdout.trim().replace(/^Lares v/, "");
    if (flags.on("json")) output.line(JSON.stringify({ agent: running, slot: state.version }, undefined, 2));
    else output.line(`The agent is ${running} now; the machine's other programs are those of ${state.version}.`);
    return 0;
  } finally {
    env.close();
  }
}

/** RAUC checks the signature, and the kernel each block while it is read. */
async function takeOut({ exec }: Pick<Env, "exec">, bundle: string): Promise<void> {
  // What updates are read through, as RAUC's service loads it.
  await exec.run(["modprobe", "-a", "nbd", "loop", "dm-verity"]);
  const mounted = await exec.run(["rauc", "mount", bundle], { timeoutMs: MOUNT_MS });
  const folder = /(\/\S*\/bundle)\b/.exec(`${mounted.stdout}\n${mounted.stderr}`)?.[1];
  if (mounted.code !== 0 || folder === undefined)
    throw new CodedError("os_bundle", `the update cannot be read: ${lastLine(mounted.stderr)}`);
  const slot = join(PLACES.run, "update-slot");
  await mkdir(slot, { recursive: true });
  try {
    await must(exec, ["mount", "-t", "squashfs", "-o", "ro,loop", join(folder, "root.img"), slot]);
    await copyFile(join(slot, PROGRAM), NEXT);
    await chmod(NEXT, 0o755);
  } finally {
    await exec.run(["umount", "--lazy", slot]);
    await exec.run(["umount", "--lazy", folder]);
  }
}

async function exchange({ exec }: Pick<Env, "exec">): Promise<void> {
  // A program that runs cannot be written over, but given another name.
  if (existsSync(OWN)) await rename(OWN, FORMER);
  await rename(NEXT, OWN);
  await must(exec, ["sync", "-f", FOLDER]);
  await layOver(exec, OWN);
  await must(exec, ["systemctl", "restart", "lares.service"], 120_000);
}

async function goBack({ exec }: Pick<Env, "exec">): Promise<void> {
  await exec.run([...OUTSIDE, "umount", "--lazy", PROGRAM]);
  await rm(OWN, { force: true });
  if (existsSync(FORMER)) {
    await rename(FORMER, OWN);
    await layOver(exec, OWN);
  }
  await exec.run(["systemctl", "restart", "lares.service"], { timeoutMs: 120_000 });
}

/** In the place of the slot's program, or of one laid over it before. */
async function layOver(exec: Env["exec"], program: string): Promise<void> {
  while ((await readIfThere("/proc/1/mounts"))?.includes(` ${PROGRAM} `) === true)
    await must(exec, [...OUTSIDE, "umount", "--lazy", PROGRAM]);
  await must(exec, [...OUTSIDE, "mount", "--bind", program, PROGRAM]);
}

/** @returns what is wrong with it */
async function whenItAnswers(env: SystemEnv, wanted: string): Promise<string | undefined> {
  const deadline = env.clock.monotonicMs() + ANSWER_MS;
  while (env.clock.monotonicMs() < deadline) {
    const url = "http://127.0.0.1:4646/v1/agent/health";
    const answer = await env.http.request({ url, timeoutMs: 2000 }).catch(() => undefined);
    answer?.abandon();
    if (answer?.status === 200) return undefined;
    const failed = await env.exec.run(["systemctl", "is-failed", "--quiet", "lares.service"]);
    if (failed.code === 0) return `${wanted} ended`;
    await sleep(env.clock, PAUSE_MS);
  }
  return `${wanted} did not answer within ${ANSWER_MS / 1000} seconds`;
}

async function givenUp(env: SystemEnv, problem: string): Promise<CodedError> {
  await rm(NEXT, { force: true });
  await env.exec.run(["sync", "-f", FOLDER]);
  await writeFile(join(PLACES.run, "agent-problem"), `${problem}\n`);
  return new CodedError("os_agent", `the agent was not updated: ${problem}`, "the former one runs on");
}

async function must(exec: Env["exec"], argv: readonly string[], timeoutMs = 30_000): Promise<void> {
  const done = await exec.run(argv, { timeoutMs });
  if (done.code !== 0) throw new CodedError("os_agent", `${argv.join(" ")}: ${lastLine(done.stderr)}`);
}
