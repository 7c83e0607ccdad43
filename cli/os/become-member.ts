import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { CLAIM, CLAIM_PATH, keep, PLACES, readIfThere } from "#os-image/firmware/node/machine.ts";
import { awaitFile } from "../agent/await-file.ts";
import type { FlagValues, Invocation, RunCommand } from "../command/command.ts";
import { joinAs } from "../membership/join.ts";
import { lookForCluster } from "../membership/look.ts";
import { onEveryConsole } from "./consoles.ts";
import { takeSeed } from "./first-boot.ts";
import { agentAnswers } from "./health.ts";
import { ownAddresses } from "./own-addresses.ts";
import { trouble } from "./trouble.ts";
import { resumeBecoming } from "./unfinished.ts";
import { Waiting } from "./waiting/waiting.ts";
import { WISH, WishSchema, type Wish } from "./wish.ts";

const CONFIG = "/etc/lares";
const DATA = "/var/lib/lares";
const TOKEN = `${DATA}/management-token`;
const CLAIM_DIGITS = 8;
const JOIN_TRIES = 24;
const JOIN_PAUSE_MS = 5_000;
/** What every machine with this firmware tells its network. */
const OWN_CONFIG = "discovery { announce = true }\n";

/** For its agent to start, and to tell its network who it is. */
const HERALDED_MS = 300_000;
const HERALD_PAUSE_MS = 2_000;
const AGENT_SPEAKS_MS = 5_000;

/** A new machine founds a cluster or joins one: by the token of its seed, or as a person approves. */
export const becomeMember: RunCommand = async (called) => {
  const invocation = { ...called, output: onEveryConsole(called.output) };
  const env = createEnv({ logLevel: "warn" });
  try {
    if (existsSync(join(PLACES.state, "ready"))) return await done(env);
    const page = showPage(env, invocation);
    try {
      return await becomeAndTell({ env, invocation, page });
    } finally {
      await page.close();
    }
  } finally {
    env.close();
  }
};

interface Becoming {
  readonly env: SystemEnv;
  readonly invocation: Invocation;
  readonly page: Page;
}

/** Whoever has no screen before them sees there what it waits for. */
interface Page {
  readonly waiting: Waiting;
  /** The agent's port is free then. */
  close(): Promise<void>;
}

async function becomeAndTell(becoming: Becoming): Promise<number> {
  const { env, invocation, page } = becoming;
  // The same program, since its start is what takes long.
  await takeSeed(env, invocation);
  page.waiting.does("network");
  await awaitFile(env.clock, join(PLACES.run, "network"), invocation.output);
  await keep(PLACES, { name: "lares/os.hcl", text: OWN_CONFIG });
  const isMember = await resumeBecoming(env.disk, { data: DATA, config: join(PLACES.state, "lares") });
  if (!isMember && !(await becomes(becoming))) return 1;
  await settle(page);
  return done(env);
}

async function becomes(becoming: Becoming): Promise<boolean> {
  const wish = await readWish();
  return wish.join === undefined ? byLooking(becoming, wish) : byToken(becoming, wish);
}

/** Beside all else: nothing waits for it, and without it the machine becomes a member as well. */
function showPage(env: SystemEnv, { output }: Invocation): Page {
  const waiting = new Waiting(env.net);
  const opened = openPage(env, waiting).catch((thrown: unknown) => {
    output.error(`lares: this machine has no page while it waits: ${messageOf(thrown)}`);
    return undefined;
  });
  return { waiting, close: async () => (await opened)?.() };
}

async function openPage(env: SystemEnv, waiting: Waiting): Promise<() => Promise<void>> {
  const [{ serveWaiting }, { waitingExchange }] = await Promise.all([
    import("./waiting/serve-waiting.ts"),
    import("./waiting/waiting-exchange.ts"),
  ]);
  return serveWaiting(
    env,
    CONFIG,
    waitingExchange(() => waiting.facts()),
  );
}

/** Tells systemd that the agent can be started. */
async function done(env: SystemEnv): Promise<number> {
  await env.exec.run(["systemd-notify", "--ready"]);
  return 0;
}

/** From now on it is a member, whatever happens; its agent, which waits for this, gets the port. */
async function settle(page: Page): Promise<void> {
  await page.close();
  if (existsSync(join(PLACES.state, "ready"))) return;
  await makeClaim();
  await keep(PLACES, { name: "ready", text: "" });
  await rm(join(PLACES.state, WISH), { force: true });
}

/**
 * Others that were switched on a little later look for a cluster just while this machine's agent starts, which takes many
 * seconds on a slow processor: they have to hear of it, or found one themselves.
 */
async function untilAgentSpeaks({ env, page }: Becoming): Promise<void> {
  await settle(page);
  await done(env);
  const deadline = env.clock.monotonicMs() + HERALDED_MS;
  while (env.clock.monotonicMs() < deadline && !(await agentAnswers(env, 0))) await sleep(env.clock, HERALD_PAUSE_MS);
  await sleep(env.clock, AGENT_SPEAKS_MS);
}

/** Where a cluster was founded here: the code that the screen shows, and the page asks for. */
async function makeClaim(): Promise<void> {
  if ((await readIfThere(TOKEN)) === undefined || existsSync(CLAIM_PATH)) return;
  const code = String(randomInt(10 ** CLAIM_DIGITS)).padStart(CLAIM_DIGITS, "0");
  await keep(PLACES, { name: CLAIM, text: `${code}\n`, mode: 0o600 });
}

async function readWish(): Promise<Wish> {
  const text = await readIfThere(join(PLACES.state, WISH));
  try {
    return v.parse(WishSchema, JSON.parse(text ?? "{}"));
  } catch {
    return {};
  }
}

async function byToken({ env, invocation, page }: Becoming, wish: Wish): Promise<boolean> {
  page.waiting.does("token");
  introduce(env, invocation, `joins the cluster of ${wish.join?.address}`);
  const operands = [wish.join?.address ?? "", wish.join?.token ?? ""];
  for (let tries = 1; tries <= JOIN_TRIES; tries++) {
    if (await attempt(() => joinAs({ ...invocation, operands, flags: FLAGS }, wish.role), invocation)) return true;
    await sleep(env.clock, JOIN_PAUSE_MS);
  }
  return false;
}

async function byLooking(becoming: Becoming, { role }: Wish): Promise<boolean> {
  const { env, invocation, page } = becoming;
  page.waiting.does("looks");
  introduce(env, invocation, "looks for a cluster");
  return attempt(
    () =>
      lookForCluster(
        { ...invocation, operands: [], flags: FLAGS },
        {
          role,
          founds: true,
          invites: false,
          heraldedUntil: () => untilAgentSpeaks(becoming),
          onLooked: (looked) => page.waiting.looked(looked),
          onDecided: (kind) => page.waiting.does(kind === "found" ? "founds" : "joins"),
        },
      ),
    invocation,
  );
}

/** Nothing else tells who it is, and whether the cable is good, while it waits. */
function introduce({ net }: SystemEnv, { output }: Invocation, what: string): void {
  const [address] = ownAddresses(net);
  output.line(
    address === undefined
      ? `This is ${hostname()}; it has no address yet, and ${what}.`
      : `This is ${hostname()} at ${address}; it ${what}.`,
  );
}

async function attempt(work: () => Promise<number>, invocation: Invocation): Promise<boolean> {
  try {
    return (await work()) === 0;
  } catch (error) {
    await trouble(invocation, messageOf(error));
    return false;
  }
}

/** The firmware starts the agent itself, right after this. */
const FLAGS: FlagValues = { on: (name) => name === "no-start", value: () => undefined, values: () => [] };
