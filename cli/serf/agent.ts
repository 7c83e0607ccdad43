import { readFileSync } from "node:fs";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import * as presets from "#daemons/discovery/gossip/presets.ts";
import { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import { createGossip } from "#daemons/discovery/gossip/shell/create-gossip.ts";
import { RpcServer } from "#daemons/discovery/serf/rpc/rpc-server.ts";
import { joinHostPort, splitHostPort } from "#daemons/discovery/serf/shell/host-port.ts";
import { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import type { Address } from "#base/env/net.ts";
import { UsageError, type RunCommand } from "../command/command.ts";
import { readAgentOptions, type SerfAgentOptions } from "./agent-options.ts";
import { EventHandlers, readEventHandler } from "./event-handlers.ts";

const GOSSIP_PORT = 7946;
const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
const PROFILES = { lan: presets.lanPreset, wan: presets.wanPreset, local: presets.localPreset };

/** A Serf agent without a catalog: gossip, events, queries, and the RPC port, until Ctrl-C or `serf leave`. */
export const agent: RunCommand = async ({ flags, output }) => {
  const probe = createEnv();
  const options = readAgentOptions(flags, probe.net.hostname());
  probe.close();
  const level = LEVELS.find((each) => each === options.logLevel || (each === "error" && options.logLevel === "err"));
  if (level === undefined)
    throw new UsageError(`-log-level takes one of ${LEVELS.join(", ")}, not "${options.logLevel}"`);
  const env = createEnv({ logLevel: level });
  try {
    return await run(env, options, (line) => output.line(line));
  } finally {
    env.close();
  }
};

async function run(env: SystemEnv, options: SerfAgentOptions, say: (line: string) => void): Promise<number> {
  const handlers = options.handlers.map(readEventHandler);
  const serf = createSerf(env, options);
  const running = new EventHandlers(env, serf, handlers);
  serf.subscribe((event) => running.handle(event));
  const over = endOf(serf);
  await serf.start();
  const rpc = new RpcServer(env.net, {
    serf,
    clock: env.clock,
    logFeed: env.logHub,
    authKey: options.rpcAuth,
    leave: () => Promise.resolve(over.end("left")),
  });
  const end = new AbortController();
  try {
    await rpc.start(placeOf("-rpc-addr", options.rpcAddress, 7373));
    say("==> Serf agent running!");
    say(`         Node name: '${options.name}'`);
    say(`         Bind addr: '${joinHostPort(serf.gossip.address)}'`);
    say(`          RPC addr: '${rpc.address === undefined ? "" : joinHostPort(rpc.address)}'`);
    say(`         Encrypted: ${serf.encrypted}`);
    if (!(await joinFirst(serf, options))) return 1;
    void keepJoining(env, serf, { options, over, signal: end.signal });
    const reason = await over.reason;
    const leaves =
      reason === "SIGINT" ? !options.skipLeaveOnInterrupt : reason === "SIGTERM" && options.leaveOnTerminate;
    if (leaves) await serf.leave();
    return reason === "left" || leaves || reason === "SIGTERM" || reason === "SIGINT" ? 0 : 1;
  } finally {
    end.abort();
    await rpc.stop();
    await serf.stop();
  }
}

function createSerf(env: Env, options: SerfAgentOptions): Serf {
  const settings = Object.entries(PROFILES).find(([name]) => name === options.profile)?.[1];
  if (settings === undefined) throw new UsageError(`-profile takes lan, wan or local, not "${options.profile}"`);
  const keyring = keyringOf(options);
  const keep = (ring: Keyring): void => {
    if (options.keyringFile !== "") void keepKeys(env, options.keyringFile, ring);
  };
  const bind = placeOf("-bind", options.bind, GOSSIP_PORT);
  return new Serf({
    env,
    name: options.name,
    tags: options.tags,
    settings: {
      reconnectTimeoutMs: options.reconnectTimeoutMs,
      tombstoneTimeoutMs: options.tombstoneTimeoutMs,
      gossipIntervalMs: settings.gossipIntervalMs,
      retransmitMultiplier: settings.retransmitMultiplier,
    },
    gossip: (delegate) =>
      createGossip({
        env,
        name: options.name,
        bind,
        settings,
        delegate,
        ...(options.advertise === "" ? {} : { advertise: placeOf("-advertise", options.advertise, bind.port) }),
        ...(keyring === undefined ? {} : { keyring }),
      }),
    ...(options.snapshotPath === "" ? {} : { snapshotPath: options.snapshotPath }),
    rejoinAfterLeave: options.rejoin,
    defaultPort: GOSSIP_PORT,
    ...(keyring === undefined ? {} : { keyring, onKeysChanged: keep }),
  });
}

function placeOf(name: string, text: string, port: number): Address {
  const at = splitHostPort(text, port);
  if (!at.ok) throw new UsageError(`${name}: ${at.error.message}; ${at.error.hint ?? ""}`);
  return at.value;
}

const KeysSchema = v.pipe(v.array(v.string()), v.minLength(1));

function keyringOf({ encryptKey, keyringFile }: SerfAgentOptions): Keyring | undefined {
  if (encryptKey !== "" && keyringFile !== "") throw new UsageError("give -encrypt or -keyring-file, not both");
  if (encryptKey === "" && keyringFile === "") return undefined;
  const keys = encryptKey === "" ? keysIn(keyringFile) : [encryptKey];
  const [primary = new Uint8Array(), ...others] = keys.map((key) => new Uint8Array(Buffer.from(key, "base64")));
  const ring = Keyring.create(primary, others);
  if (!ring.ok) throw new UsageError(`cannot encrypt: ${ring.error.message}; \`serf keygen\` makes a key`);
  return ring.value;
}

function keysIn(path: string): readonly string[] {
  try {
    return v.parse(KeysSchema, JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new CodedError(
      "serf_keyring",
      `cannot read the keys in ${path}: ${messageOf(error)}`,
      "expected a list in JSON",
    );
  }
}

async function keepKeys({ disk, log }: Env, path: string, ring: Keyring): Promise<void> {
  const keys = ring.keys.map((key) => Buffer.from(key).toString("base64"));
  await disk
    .replace(path, `${JSON.stringify(keys)}\n`, { mode: 0o600 })
    .catch((error: unknown) => log.error("cannot keep the keys", { path, error: messageOf(error) }));
}

type Reason = "SIGINT" | "SIGTERM" | "left" | "name" | "join";

interface Over {
  readonly reason: Promise<Reason>;
  end(reason: Reason): void;
}

function endOf(serf: Serf): Over {
  const { promise: reason, resolve: end } = Promise.withResolvers<Reason>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end(signal));
  serf.whenNameLost(() => end("name"));
  return { reason, end };
}

/** The members of `-join`: without one of them the agent does not start. */
async function joinFirst(serf: Serf, { startJoin, replay }: SerfAgentOptions): Promise<boolean> {
  if (startJoin.length === 0) return true;
  const { joined, failures } = await serf.join(startJoin, { replay });
  if (joined > 0) return true;
  throw new CodedError("serf_join", `Error joining: ${failures.map(({ message }) => message).join("; ")}`);
}

async function keepJoining(
  { clock, log }: Env,
  serf: Serf,
  { options, over, signal }: { readonly options: SerfAgentOptions; readonly over: Over; readonly signal: AbortSignal },
): Promise<void> {
  const { retryJoin, retryIntervalMs, retryMax, replay } = options;
  for (let attempt = 1; retryJoin.length > 0 && !signal.aborted; attempt++) {
    const { joined, failures } = await serf.join(retryJoin, { replay });
    if (joined > 0) return;
    log.warn("cannot join the cluster", { attempt, error: failures[0]?.message ?? "" });
    if (retryMax > 0 && attempt >= retryMax) return over.end("join");
    await sleep(clock, retryIntervalMs, signal);
  }
}
