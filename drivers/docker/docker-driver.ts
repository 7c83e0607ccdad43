import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { Driver, StopOptions, SweepRequest, TaskExit, TaskHandle } from "../driver.ts";
import { signalNumber, unknownSignal } from "../process/signals.ts";
import { execInContainer } from "./container-exec.ts";
import { createContainerList, type ContainerStates } from "./container-list.ts";
import { LABEL_ROOT, LABEL_TASK } from "./container-spec.ts";
import { createContainerStats } from "./container-stats.ts";
import type { ContainerStats } from "./container-stats.ts";
import { createDockerHealth } from "./docker-health.ts";
import { createEngine, DEFAULT_ENDPOINT, EngineAway } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { createSandboxes } from "./sandbox.ts";
import { createExits } from "./exits.ts";
import type { Exits } from "./exits.ts";
import { createImageGc } from "./images/image-gc.ts";
import { createImages } from "./images/images.ts";
import { askForLogFiles } from "./log-access.ts";
import { createLogCopies } from "./log-copy.ts";
import { dockerStateOf, type DockerState } from "./handle.ts";
import type { DockerOptions } from "./plugin-options.ts";
import { createRemovals } from "./removals.ts";
import { startContainer } from "./start-container.ts";
import { checkTaskConfig } from "./task-config.ts";

export interface DockerDriverDeps {
  readonly options: DockerOptions;
  /** DOCKER_HOST of the agent's environment, or empty. */
  readonly dockerHost: string;
}

/** Containers over the Engine API. */
export function createDockerDriver(env: Env, { options, dockerHost }: DockerDriverDeps): Driver {
  const engine = createEngine(env, options.endpoint || dockerHost || DEFAULT_ENDPOINT, options.tls);
  const images = createImages(env, engine, options);
  const imageGc = createImageGc(env, engine, options.imageGc);
  const list = createContainerList(env, engine);
  const exits = createExits(env, engine, list);
  const logs = createLogCopies(env, engine);
  const stats = createContainerStats(env, engine);
  const readsLogFiles = askForLogFiles(env, engine);
  const removals = createRemovals(env.clock);

  return {
    name: "docker",
    capabilities: {
      sendSignals: true,
      exec: true,
      fsIsolation: "image",
      networkModes: ["host", "bridge", "none"],
      logs: "driver",
    },
    fingerprint: createDockerHealth(engine, options),
    validate: (config) => checkTaskConfig(config, options),
    start: (task) => startContainer({ env, engine, images, imageGc, logs, options, readsLogFiles }, task),
    recover: (handle) =>
      recover(list, handle, (id, state) => {
        if (state.images.length > 0)
          imageGc.hold(handle.taskId, { names: state.images, isLoaded: state.imageIsLoaded });
        if (options.collectLogs) logs.start({ containerId: id, ...state }, true);
      }),
    async wait(handle, signal) {
      const state = dockerStateOf(handle);
      if (state === undefined) return { kind: "lost", message: BAD_HANDLE };
      const exit = await exits.wait(state.containerId, signal);
      if (exit.kind !== "aborted") await logs.drain(state.containerId);
      return exit;
    },
    stop: (handle, stop) => removals.stopping(() => stopContainer({ env, engine, exits }, handle, stop)),
    async destroy(handle) {
      const state = dockerStateOf(handle);
      if (state === undefined) return;
      stats.forget(state.containerId);
      await logs.drain(state.containerId);
      if (options.removeContainers) await removals.remove(() => removeContainer(engine, state.containerId));
      imageGc.release(handle.taskId);
    },
    ...containerCommands(engine, stats),
    sweep: (request) => sweep({ env, engine, dangling: options.dangling }, request),
    sandbox: createSandboxes({ env, engine, images, options }),
    async close() {
      exits.close();
      imageGc.close();
      await logs.close();
    },
  };
}

/** What is asked of a running container. */
function containerCommands(engine: Engine, stats: ContainerStats): Pick<Driver, "signal" | "stats" | "exec"> {
  return {
    async signal(handle, signalName) {
      const state = dockerStateOf(handle);
      if (state === undefined) return fail("BAD_HANDLE", BAD_HANDLE);
      const number = signalNumber(signalName);
      if (number === undefined) return unknownSignal(signalName);
      const path = `/containers/${state.containerId}/kill?signal=${number}`;
      const answer = await engine.call({ method: "POST", path });
      return answer.ok ? succeed(undefined) : fail("SIGNAL", answer.message);
    },
    async stats(handle) {
      const state = dockerStateOf(handle);
      return state === undefined ? fail("BAD_HANDLE", BAD_HANDLE) : stats.measure(state.containerId);
    },
    async exec(handle, request) {
      const state = dockerStateOf(handle);
      return state === undefined ? fail("BAD_HANDLE", BAD_HANDLE) : execInContainer(engine, state.containerId, request);
    },
  };
}

const BAD_HANDLE = "not a handle of the docker driver";

type LogState = Omit<DockerState, "containerId">;

/** An engine that is away is no reason to give a task up: its container may well run on. */
async function recover(
  list: () => Promise<ContainerStates>,
  handle: TaskHandle,
  follow: (id: string, state: LogState) => void,
): Promise<Result<TaskHandle>> {
  const state = dockerStateOf(handle);
  if (state === undefined) return fail("BAD_HANDLE", BAD_HANDLE);
  try {
    if (!(await list()).has(state.containerId)) {
      return fail("GONE", `container ${state.containerId.slice(0, 12)} does not exist any more`);
    }
  } catch (thrown) {
    if (!(thrown instanceof EngineAway)) throw thrown;
  }
  follow(state.containerId, state);
  return succeed(handle);
}

interface StopDeps {
  readonly env: Env;
  readonly engine: Engine;
  readonly exits: Exits;
}

/** Without a signal of its own the image's decides (STOPSIGNAL), and the engine does the waiting. */
async function stopContainer(
  deps: StopDeps,
  handle: TaskHandle,
  { killSignal, killTimeoutMs }: StopOptions,
): Promise<void> {
  const state = dockerStateOf(handle);
  if (state === undefined) return;
  const { engine, env } = deps;
  const path = `/containers/${state.containerId}`;
  deps.exits.expect(state.containerId);
  const number = killSignal === "" ? undefined : signalNumber(killSignal);
  if (number === undefined) {
    const seconds = Math.ceil(killTimeoutMs / 1000);
    const answer = await engine.call({
      method: "POST",
      path: `${path}/stop?t=${seconds}`,
      timeoutMs: killTimeoutMs + STOP_GRACE_MS,
    });
    accept(answer, `stop container ${state.containerId}`);
    return;
  }
  const over = new AbortController();
  const ended = deps.exits.wait(state.containerId, over.signal);
  try {
    accept(
      await engine.call({ method: "POST", path: `${path}/kill?signal=${number}` }),
      `signal container ${state.containerId}`,
    );
    const done: TaskExit | undefined = await Promise.race([
      ended,
      sleep(env.clock, killTimeoutMs, over.signal).then(() => undefined),
    ]);
    if (done !== undefined) return;
    accept(await engine.call({ method: "POST", path: `${path}/kill?signal=9` }), `kill container ${state.containerId}`);
    await ended;
  } finally {
    over.abort();
  }
}

/** How long the engine may take beyond the task's own time to end it. */
const STOP_GRACE_MS = 30_000;

/** 304: had stopped before. 404: is gone. 409: does not run. */
function accept(
  answer: { readonly ok: boolean; readonly status: number; readonly message: string },
  what: string,
): void {
  if (!answer.ok && ![304, 404, 409].includes(answer.status)) throw new Error(`cannot ${what}: ${answer.message}`);
}

async function removeContainer(engine: Engine, id: string): Promise<void> {
  const answer = await engine.call({ method: "DELETE", path: `/containers/${id}?force=1&v=1` });
  accept(answer, `remove container ${id}`);
}

const ListedSchema = v.array(
  v.object({ Id: v.string(), Labels: v.nullish(v.record(v.string(), v.string()), () => ({})) }),
);

interface Sweeping extends Pick<DockerOptions, "dangling"> {
  readonly env: Env;
  readonly engine: Engine;
}

/** Removes containers of this agent whose tasks nobody knows. */
async function sweep({ env, engine, dangling }: Sweeping, { allocsRoot, keep }: SweepRequest): Promise<void> {
  if (dangling === "leave") return;
  const filters = encodeURIComponent(JSON.stringify({ label: [`${LABEL_ROOT}=${allocsRoot}`] }));
  try {
    const listed = v.parse(
      ListedSchema,
      (await engine.call({ path: `/containers/json?all=1&filters=${filters}` })).value,
    );
    for (const { Id: id, Labels: labels } of listed) {
      if (keep.has(labels[LABEL_TASK] ?? "")) continue;
      const what = dangling === "tell" ? "nobody knows a container" : "removing a container nobody knows";
      env.log.info(what, { container: id.slice(0, 12), task: labels[LABEL_TASK] });
      if (dangling === "tell") continue;
      await removeContainer(engine, id);
    }
  } catch (thrown) {
    if (!(thrown instanceof EngineAway))
      throw new Error(`cannot sweep containers: ${messageOf(thrown)}`, { cause: thrown });
  }
}
