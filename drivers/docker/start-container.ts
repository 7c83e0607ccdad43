import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import { readConfig, type ConfigReader } from "../config-shape.ts";
import type { StartFailure, TaskHandle, TaskStart } from "../driver.ts";
import { allocsRootOf } from "../process/cgroup.ts";
import { containerName, containerSpec, LABEL_TASK } from "./container-spec.ts";
import type { ContainerSpec } from "./container-spec.ts";
import { addressOf, inspectContainer, logPathOf, type Container } from "./container-state.ts";
import type { Engine, EngineAnswer } from "./engine.ts";
import { EngineAway } from "./engine.ts";
import { parseImageName } from "./images/image-name.ts";
import type { ImageGc } from "./images/image-gc.ts";
import type { Images } from "./images/images.ts";
import { namesOf } from "./images/mirrors.ts";
import type { LogCopies } from "./log-copy.ts";
import type { DockerOptions } from "./plugin-options.ts";
import { portsOf } from "./ports.ts";

export interface StartDeps {
  readonly env: Env;
  readonly engine: Engine;
  readonly images: Images;
  readonly imageGc: ImageGc;
  readonly logs: LogCopies;
  readonly options: DockerOptions;
  readonly readsLogFiles: () => Promise<boolean>;
}

const VERSION = 1;
const CreatedSchema = v.object({ Id: v.string() });
/** Pulls and starts under load take their time; a container that was made must not be forgotten half way. */
const CREATE_TIMEOUT_MS = 120_000;
const ASSUMED_MHZ = 1000;

/** Create, start: two requests when the image is here. Whatever fails, no container stays. */
export async function startContainer(deps: StartDeps, task: TaskStart): Promise<Result<TaskHandle, StartFailure>> {
  const started = await attempt(deps, task).catch((thrown: unknown): Result<never, StartFailure> => {
    if (!(thrown instanceof EngineAway)) throw thrown;
    const { code, message, hint } = thrown;
    return { ok: false, error: { code, message, recoverable: true, ...(hint === undefined ? {} : { hint }) } };
  });
  if (!started.ok) deps.imageGc.release(task.id);
  return started;
}

async function attempt(deps: StartDeps, task: TaskStart): Promise<Result<TaskHandle, StartFailure>> {
  const config = readConfig(task.config);
  const coreMhz = config.flag("cpu_hard_limit", false) ? await coreMhzOf(deps.env) : ASSUMED_MHZ;
  const allocsRoot = allocsRootOf(task.paths.allocDir);
  const readsLogFiles = deps.options.collectLogs && (await deps.readsLogFiles());
  const specOf = (image?: string): ReturnType<typeof containerSpec> =>
    containerSpec(task, { options: deps.options, allocsRoot, coreMhz, readsLogFiles, image });
  const made = specOf();
  if (!made.ok) return made;
  deps.imageGc.hold(task.id, imageOf(deps, config));
  const stale = await deps.images.refresh(task);
  if (stale !== undefined) return { ok: false, error: stale };
  let created = await create(deps, task, made.spec);
  if (!created.ok && created.error.code === NO_IMAGE) {
    const fetched = await deps.images.fetch(task);
    if (!fetched.ok) return fetched;
    const anew = specOf(fetched.value);
    if (!anew.ok) return anew;
    created = await create(deps, task, anew.spec);
  }
  return created.ok ? run(deps, task, created.value) : created;
}

const NO_IMAGE = "NO_IMAGE";

function imageOf({ options }: StartDeps, config: ConfigReader) {
  const names = namesOf(options.mirrors, parseImageName(config.text("image")));
  return { names, isLoaded: config.text("load") !== "" };
}

async function create(deps: StartDeps, task: TaskStart, spec: ContainerSpec): Promise<Result<string, StartFailure>> {
  const path = `/containers/create?name=${encodeURIComponent(containerName(task))}`;
  const ask = (): Promise<EngineAnswer> =>
    deps.engine.call({ method: "POST", path, body: spec, timeoutMs: CREATE_TIMEOUT_MS });
  let answer = await ask();
  for (let left = deps.options.existsAttempts; answer.status === 409 && left > 0; left -= 1) {
    // An earlier attempt of this very task left it; a stranger's container of that name is not ours to remove.
    const there = await inspectContainer(deps.engine, containerName(task));
    if (there !== undefined && there.Config.Labels[LABEL_TASK]?.startsWith(`${task.allocId}/`) !== true) break;
    if (there !== undefined) await deps.engine.call({ method: "DELETE", path: `/containers/${there.Id}?force=1&v=1` });
    answer = await ask();
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
  const container = await inspectContainer(engine, id);
  const image = imageOf(deps, config);
  const state = {
    containerId: id,
    tty: config.flag("tty", false),
    logPath: container === undefined ? "" : await logPathOf(deps.env, container),
    stdoutPath: task.paths.stdoutPath,
    stderrPath: task.paths.stderrPath,
    images: image.names,
    imageIsLoaded: image.isLoaded,
  };
  if (deps.options.collectLogs) {
    if (state.logPath === "" && container !== undefined) task.onEvent(limitOf(container), {});
    deps.logs.start(state, false);
  }
  const preferred = config.flag("advertise_ipv6_address", false) ? "ipv6" : "ipv4";
  const ip = container === undefined ? "" : addressOf(container, preferred);
  const ports = portsOf(task, config);
  return succeed({
    driver: "docker",
    version: VERSION,
    taskId: task.id,
    state,
    ...(ip === "" ? {} : { network: { ip, portMap: ports.ok ? ports.inside : {} } }),
  });
}

/** What is not copied whole is said when it begins, not when it is missing. */
function limitOf({ HostConfig }: Container): string {
  const type = HostConfig?.LogConfig.Type ?? "";
  if (type === "none") return 'Output is not kept: its log driver is "none"';
  return (
    `Output is asked of the engine (log driver ${JSON.stringify(type)}): ` +
    "what a burst brings beyond the engine's own log before it is copied is not in this task's logs"
  );
}

/** What the engine says of a request that can never succeed as it is. */
const FINAL =
  /invalid|no such image|executable file not found|not a directory|unknown capability|no such file or directory/i;

function engineRefusal(step: string, { message, status }: EngineAnswer): StartFailure {
  const portTaken = /port is already allocated|address already in use/i.test(message);
  return {
    code: step === "create" && status === 404 ? NO_IMAGE : "ENGINE",
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
