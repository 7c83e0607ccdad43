import { messageOf, fail, succeed, type Result } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import { sleep } from "#base/env/clock.ts";

/** A Docker engine to use: one that ran already, or one of our own. */
export interface Engine {
  readonly socketPath: string;
  readonly own: boolean;
  /** Ends the engine if it is ours; else does nothing. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  readonly env: Env;
  /** `DOCKER_HOST`, or undefined for the usual socket. */
  readonly dockerHost: string | undefined;
  /** Where an engine of our own keeps everything. */
  readonly dir: string;
}

const USUAL_SOCKET = "/var/run/docker.sock";
const START_TIMEOUT_MS = 60_000;
const SIGTERM = 15;
const SIGKILL = 9;
const STOP_TIMEOUT_MS = 20_000;

/** The engine that answers, else one of our own, which needs root. */
export async function ensureEngine(options: EngineOptions): Promise<Result<Engine>> {
  const { env } = options;
  const usual = options.dockerHost?.startsWith("unix://") === true ? options.dockerHost.slice(7) : USUAL_SOCKET;
  if (await answers(env, usual)) return succeed({ socketPath: usual, own: false, stop: () => Promise.resolve() });
  const program = await env.exec.find("dockerd");
  if (program === undefined)
    return fail("no_docker", `no Docker engine answers at ${usual}, and there is no dockerd here`, "apt-get install docker.io");
  return startOwn(options, program);
}

async function startOwn(options: EngineOptions, program: string): Promise<Result<Engine>> {
  const { env, dir } = options;
  const socketPath = `${dir}/docker.sock`;
  await env.disk.makeDir(dir, { mode: 0o700 });
  const log = `${dir}/dockerd.log`;
  const argv = [
    ...[program, "--data-root", `${dir}/data`, "--exec-root", `${dir}/exec`, "--pidfile", `${dir}/dockerd.pid`],
    ...["--host", `unix://${socketPath}`, "--group", "root"],
  ];
  try {
    const child = await env.exec.spawn(argv, {
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
      stdout: { appendTo: log },
      stderr: { appendTo: log },
      detached: true,
    });
    let ended = false;
    const exited = child.exited.then(() => void (ended = true));
    const deadline = env.clock.monotonicMs() + START_TIMEOUT_MS;
    while (!(await answers(env, socketPath))) {
      if (ended || env.clock.monotonicMs() > deadline) {
        env.exec.kill(child.pid, SIGKILL);
        return fail("docker_start", `dockerd did not come up; the end of ${log} says: ${await tail(env, log)}`, "run lares doctor");
      }
      await sleep(env.clock, 100);
    }
    const stop = async (): Promise<void> => {
      env.exec.kill(child.pid, SIGTERM);
      await Promise.race([exited, sleep(env.clock, STOP_TIMEOUT_MS)]);
      if (!ended) env.exec.kill(child.pid, SIGKILL);
      await exited;
    };
    return succeed({ socketPath, own: true, stop });
  } catch (error) {
    return fail("docker_start", `cannot start ${program}: ${messageOf(error)}`, "an engine of our own needs root");
  }
}

async function answers(env: Env, socketPath: string): Promise<boolean> {
  try {
    const response = await env.http.request({ url: "http://docker/_ping", socketPath, timeoutMs: 2000 });
    await response.bytes();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function tail(env: Env, path: string): Promise<string> {
  const bytes = await env.disk.read(path);
  return bytes === undefined ? "nothing" : new TextDecoder().decode(bytes).trim().split("\n").slice(-3).join(" | ");
}
