import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { systemClock } from "#base/platform/clock.ts";
import { createEnv, type EnvOptions } from "#base/platform/create-env.ts";
import type { Addresses } from "./agent/addresses.ts";
import { awaitFile } from "./agent/await-file.ts";
import { devFields, loadConfig } from "./agent/load-config.ts";
import { RestartableAgent } from "./agent/restartable.ts";
import { UsageError, type RunCommand } from "./command/command.ts";
import { VERSION } from "./version.ts";

const DEFAULT_DATA_DIR = "/var/lib/lares";

/** Runs until SIGINT or SIGTERM. Exit code 0 after a clean stop, 1 when it could not start. */
export const agent: RunCommand = async ({ flags, output }) => {
  const dev = flags.on("dev");
  if (!dev && flags.values("config").length === 0)
    throw new UsageError(
      "say what to run: -config FILE_OR_FOLDER, or -dev for a cluster on loopback that keeps nothing",
    );
  // What is for its owner alone is made so by name. Whatever else tasks of other users pass through, and what the programs make that
  // start them, would be closed to them by the mask of a careful shell or unit.
  process.umask(0o022);
  // What -dev keeps while it runs goes away with it.
  const temporary =
    dev && flags.value("data-dir") === undefined ? mkdtempSync(join(tmpdir(), "lares-dev-")) : undefined;
  // Tasks of other users pass through it to their own folders.
  if (temporary !== undefined) chmodSync(temporary, 0o711);
  const base = dev ? devFields(temporary ?? "") : { dataDir: DEFAULT_DATA_DIR };
  try {
    // The configuration may come last.
    for (const awaited of flags.values("await")) await awaitFile(systemClock, awaited, output);
    const load = (): AgentConfig => loadConfig(flags, base);
    const config = load();
    const env = createEnv({ ...logOptions(config), clockFile: process.env["LARES_CLOCK_FILE"] });
    const reload = (): Promise<void> => {
      env.logHub.setLevel(load().logLevel);
      env.log.info("configuration read again; the log level is in force, the rest after a restart");
      return Promise.resolve();
    };
    const started: { agent?: RestartableAgent } = {};
    const onHangUp = (): void => {
      env.reopenLog();
      started.agent?.current.reopenFiles();
      const all = async (): Promise<void> => {
        await reload();
        await started.agent?.current.reload();
      };
      all().catch((error: unknown) => env.log.error("cannot read the configuration again", { error: String(error) }));
    };
    process.on("SIGHUP", onHangUp);
    const stopSignal = nextStopSignal();
    const running = await RestartableAgent.start({
      config,
      env,
      version: VERSION,
      tasksAtStop: dev ? "stop" : "leave",
      introduction: flags.value("client-intro-token") ?? process.env["NOMAD_CLIENT_INTRO_TOKEN"],
      reload,
      shutdown: () => process.kill(process.pid, "SIGTERM"),
    });
    started.agent = running;
    output.line(`Lares v${VERSION} serves: ${servedAddresses(running.current.addresses, config)}`);
    const signal = await stopSignal;
    env.log.info("stopping", { signal });
    if (signal === "SIGINT" ? config.leaveOnInterrupt : config.leaveOnTerminate) await running.current.leave();
    await running.stop();
    process.off("SIGHUP", onHangUp);
    env.close();
    return 0;
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
};

/** An API whose port is 0 is switched off and not listed. */
function servedAddresses({ http, consul, dns }: Addresses, { ports, tls }: AgentConfig): string {
  const scheme = tls.http ? "https" : "http";
  const served = [
    ...(ports.http === 0 ? [] : [`Nomad API ${scheme}://${http}:${ports.http}`]),
    ...(ports.consul === 0 ? [] : [`Consul API ${scheme}://${consul}:${ports.consul}`]),
    ...(ports.dns === 0 ? [] : [`DNS ${dns}:${ports.dns}`]),
  ];
  return served.length === 0 ? "nothing, for all ports are 0" : served.join(", ");
}

/** Listens from the beginning: a signal during the start is not lost. */
function nextStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.on("SIGINT", resolve);
    process.on("SIGTERM", resolve);
  });
}

function logOptions(config: AgentConfig): EnvOptions {
  const { logLevel, logJson, logFile, logRotateBytes, logRotateDurationMs, logRotateMaxFiles } = config;
  const file = {
    path: logFile,
    rotateBytes: logRotateBytes,
    rotateMs: logRotateDurationMs,
    maxFiles: logRotateMaxFiles,
  };
  return { logLevel, logFormat: logJson ? "json" : "text", ...(logFile === "" ? {} : { logFile: file }) };
}
