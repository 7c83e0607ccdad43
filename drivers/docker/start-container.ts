import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import { readConfig } from "../config-shape.ts";
import type { StartFailure, TaskHandle, TaskStart } from "../driver.ts";
import { allocsRootOf } from "../process/cgroup.ts";
import { containerName, containerSpec, LABEL_TASK } from "./container-spec.ts";
import type { ContainerSpec } from "./container-spec.ts";
import { addressOf, inspectContainer } from "./container-state.ts";
import type { Engine, EngineAnswer } from "./engine.ts";
import { EngineAway } from "./engine.ts";
import type { Images } from "./images.ts";
import type { LogCopies } from "./log-copy.ts";
import type { DockerOptions } from "./plugin-options.ts";
import { portsOf } from "./ports.ts";

export interface StartDeps {
  readonly env: Env;
  readonly engine: Engine;
  readonly images: Images;
  readonly logs: LogCopies;
  readonly options: DockerOptions;
}

const VERSION = 1;
const CreatedSchema = v.object({ Id: v.string() });
/** Pulls and starts under load take their time; a container that was made must not be forgotten half way. */
const CREATE_TIMEOUT_MS = 120_000;
const ASSUMED_MHZ = 1000;

/** Create, start: two requests when the image is here. Whatever fails, no container stays. */
export async function startContainer(deps: StartDeps, task: TaskStart): Promise<Result<TaskHandle, StartFailure>> {
  try {
    const config = readConfig(task.config);
    const coreMhz = config.flag("cpu_hard_limit", false) ? await coreMhzOf(deps.env) : ASSUMED_MHZ;
    const made = containerSpec(task, { options: deps.options, allocsRoot: allocsRootOf(task.paths.allocDir), coreMhz });
    if (!made.ok) return made;
    const stale = await deps.images.refresh(task);
    if (stale !== undefined) return { ok: false, error: stale };
    const created = await create(deps, task, made.spec);
    if (!created.ok) return created;
    return await run(deps, task, created.value);
  } catch (thrown) {
    if (!(thrown instanceof EngineAway)) throw thrown;
    return {
      ok: false,
      error: {
        code: thrown.code,
        message: thrown.message,
        recoverable: true,
        ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      },
    };
  }
}

async function create(deps: StartDeps, task: TaskStart, spec: ContainerSpec): Promise<Result<string, StartFailure>> {
  const path = `/containers/create?name=${encodeURIComponent(containerName(task))}`;
  const ask = (): Promise<EngineAnswer> =>
    deps.engine.call({ method: "POST", path, body: spec, timeoutMs: CREATE_TIMEOUT_MS });
  let answer = await ask();
  if (answer.status === 404) {
    const failure = await deps.images.fetch(task);
    if (failure !== undefined) return { ok: false, error: failure };
    answer = await ask();
  }
  if (answer.status === 409) {
    // An earlier attempt of this very task left it; a stranger's container of that name is not ours to remove.
    const there = await inspectContainer(deps.engine, containerName(task));
    if (there?.Config.Labels[LABEL_TASK]?.startsWith(`${task.allocId}/`) === true) {
      await deps.engine.call({ method: "DELETE", path: `/containers/${there.Id}?force=1&v=1` });
      answer = await ask();
    }
  }
  const created = v.safeParse(CreatedSchema, answer.value);
  if (answer.ok && created.success) return succeed(created.output.Id);
  return { ok: false, error: engineRefusal("create", answer) };
}

async function run(deps: StartDeps, task: TaskStart, id: string): Promise<Result<TaskHandle, StartFailure>> {
  const { engine } = deps;
  const giveBack = (): Promise<unknown> => engine.call({ method: "DELETE", path: `/containers/${id}?force=1&v=1` });
  if (task.signal.aborted) {
    await giveBack();
    return { ok: false, error: { code: "ABORTED", message: "stopped while starting", recoverable: true } };
  }
  const answer = await engine.call({ method: "POST", path: `/containers/${id}/start`, timeoutMs: CREATE_TIMEOUT_MS });
  if (!answer.ok && answer.status !== 304) {
    await giveBack();
    return { ok: false, error: engineRefusal("start", answer) };
  }
  const config = readConfig(task.config);
  const state = {
    containerId: id,
    tty: config.flag("tty", false),
    stdoutPath: task.paths.stdoutPath,
    stderrPath: task.paths.stderrPath,
  };
  if (deps.options.collectLogs) deps.logs.start(state, false);
  const container = await inspectContainer(engine, id);
  const ip = container === undefined ? "" : addressOf(container);
  const ports = portsOf(task, config);
  return succeed({
    driver: "docker",
    version: VERSION,
    taskId: task.id,
    state,
    ...(ip === "" ? {} : { network: { ip, portMap: ports.ok ? ports.inside : {} } }),
  });
}

/** What the engine says of a request that can never succeed as it is. */
const FINAL =
  /invalid|no such image|executable file not found|not a directory|unknown capability|no such file or directory/i;

function engineRefusal(step: string, { message }: EngineAnswer): StartFailure {
  const portTaken = /port is already allocated|address already in use/i.test(message);
  return {
    code: "ENGINE",
    message: `cannot ${step} the container: ${message}`,
    ...(portTaken
      ? { hint: "another program holds that port: stop it, or let the scheduler choose one (a port without static)" }
      : {}),
    recoverable: !FINAL.test(message),
  };
}

async function coreMhzOf(env: Env): Promise<number> {
  const info = await env.disk.read("/proc/cpuinfo");
  const found = /^cpu MHz\s*:\s*([\d.]+)/m.exec(info === undefined ? "" : textOf(info));
  return found === null ? ASSUMED_MHZ : Number(found[1]);
}
