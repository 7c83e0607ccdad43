import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { createConsulClient } from "#base/client/consul-client.ts";
import { createNomadClient } from "#base/client/nomad-client.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { assert } from "#base/env/assert.ts";
import { startAgent } from "./agent/agent.ts";
import { definedEntries } from "./command/environment.ts";
import type { Output, RunCommand } from "./command/command.ts";
import { findEngine, type Engine } from "./demo/engine.ts";
import { freePort } from "./demo/ports.ts";
import { report } from "./demo/report.ts";
import { runDemoJobs } from "./demo/run-jobs.ts";
import { VERSION } from "./version.ts";

const LOOPBACK = "127.0.0.1";

/** A cluster of one on loopback with something on it, until Ctrl-C. Exit code 0 after a clean stop, 1 when a job did not come up. */
export const demo: RunCommand = async ({ flags, environment, output }) => {
  const began = performance.now();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  const folder = resolve(flags.value("data-dir") ?? ".lares");
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const env = createEnv({
    logToStderr: false,
    logFile: { path: `${folder}/agent.log`, rotateBytes: 8 << 20, maxFiles: 2 },
  });
  const say = (text: string): void => output.line(text);
  const undo: (() => Promise<void>)[] = [];
  try {
    const ports = {
      http: await freePort(env, LOOPBACK, 4646),
      consul: await freePort(env, LOOPBACK, 8500),
      dns: await freePort(env, LOOPBACK, 8600),
    };
    const engine = await findEngine(environment["DOCKER_HOST"], `${folder}/docker`, say);
    if (engine !== undefined) undo.unshift(() => engine.stop());
    const config = demoConfig(folder, ports, engine);
    const agent = await startAgent({
      config,
      env,
      version: VERSION,
      tasksAtStop: "stop",
      reload: () => Promise.resolve(),
    });
    undo.unshift(() => agent.stop());
    say(
      `the agent serves, ${Math.round(performance.now() - began)} ms after the start; state and log are in ${folder}`,
    );
    const healthy = await runJobs({
      env,
      ports,
      engine,
      folder,
      environment: definedEntries(environment),
      signal: stop.signal,
      output,
    });
    if (!stop.signal.aborted) say("\nCtrl-C stops everything that was started here.");
    await aborted(stop.signal);
    return healthy ? 0 : 1;
  } finally {
    output.error("stopping");
    for (const step of undo) await step();
    env.close();
  }
};

interface Ports {
  readonly http: number;
  readonly consul: number;
  readonly dns: number;
}

interface Running {
  readonly env: SystemEnv;
  readonly ports: Ports;
  readonly engine: Engine | undefined;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly output: Output;
}

/** Runs the jobs and reports; true when all came up. */
async function runJobs({ env, ports, engine, folder, signal, output }: Running): Promise<boolean> {
  const target = (port: number): Parameters<typeof createNomadClient>[0] => ({
    http: env.http,
    address: { origin: `http://${LOOPBACK}:${port}`, socketPath: undefined },
    token: "",
  });
  const nomad = createNomadClient(target(ports.http));
  const consul = createConsulClient(target(ports.consul));
  const ingressPort = await freePort(env, LOOPBACK, 8080);
  const outcome = await runDemoJobs({
    env,
    nomad,
    consul,
    engine,
    folder,
    ingressPort,
    signal,
    say: (text) => output.line(text),
  });
  if (signal.aborted) return true;
  const lines = await report({ env, ports, host: LOOPBACK, ingressPort, outcome, nomad, engine });
  for (const line of lines) output.line(line);
  return outcome.every((job) => job.instances !== undefined);
}

function demoConfig(folder: string, ports: Ports, engine: Engine | undefined): AgentConfig {
  const read = readAgentConfig({
    files: [],
    base: {
      dataDir: folder,
      bindAddress: LOOPBACK,
      logLevel: "info",
      ports: { ...ports, rpc: 0, vault: 0, gossip: 0 },
      server: { enabled: true },
      client: { enabled: true, networkInterface: "lo" },
      plugins: { raw_exec: { enabled: true }, docker: engine === undefined ? {} : { endpoint: engine.host } },
      telemetry: { prometheusMetrics: true },
    },
  });
  assert(read.ok, "the demo's own configuration is valid");
  return read.config;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => {
    const alive = setInterval(() => undefined, 2 ** 30);
    signal.addEventListener("abort", () => {
      clearInterval(alive);
      done();
    });
  });
}
