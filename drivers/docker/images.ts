import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { StartFailure, TaskStart } from "../driver.ts";
import { readConfig } from "../config-shape.ts";
import type { Engine } from "./engine.ts";
import { imageRef, parseImageName } from "./image-name.ts";
import type { ImageName } from "./image-name.ts";
import { jsonLines } from "./json-lines.ts";
import type { DockerOptions } from "./plugin-options.ts";

export interface Images {
  /** Before "create": pulls where the task or a moving tag asks for it. A failed pull of an image that is here is told and forgiven. */
  refresh(task: TaskStart): Promise<StartFailure | undefined>;
  /** After "create" found no such image. */
  fetch(task: TaskStart): Promise<StartFailure | undefined>;
}

const PROGRESS_EVERY_MS = 10_000;
const MB = 1024 * 1024;

const ImageSchema = v.object({ RepoDigests: v.nullish(v.array(v.string()), () => []) });
const PullLineSchema = v.object({
  id: v.optional(v.string()),
  status: v.optional(v.string()),
  error: v.optional(v.string()),
  progressDetail: v.nullish(v.object({ current: v.optional(v.number()), total: v.optional(v.number()) })),
});

export function createImages(env: Env, engine: Engine, options: DockerOptions): Images {
  /** Pulls under way: tasks that want the same image share one. */
  const pulling = new Map<string, Promise<StartFailure | undefined>>();

  const pull = (task: TaskStart): Promise<StartFailure | undefined> => {
    const config = readConfig(task.config);
    const image = parseImageName(config.text("image"));
    const key = `${imageRef(image)} ${JSON.stringify(config.blocks("auth"))}`;
    const running = pulling.get(key);
    if (running !== undefined) return running;
    const started = pullImage({ env, engine, options, task, image }).finally(() => pulling.delete(key));
    pulling.set(key, started);
    return started;
  };

  return {
    async refresh(task) {
      const config = readConfig(task.config);
      const image = parseImageName(config.text("image"));
      const forced = config.flag("force_pull", false);
      if (!forced && !image.moving) return undefined;
      const here = await engine.call({ path: `/images/${imageRef(image)}/json` });
      if (here.status === 404) return pull(task);
      // An image that came from no registry (built or loaded on this node) has no digest; there is nothing to refresh it from.
      const found = v.safeParse(ImageSchema, here.value);
      if (!forced && found.success && found.output.RepoDigests.length === 0) return undefined;
      const failure = await pull(task);
      if (failure !== undefined)
        task.onEvent(`Could not refresh ${imageRef(image)}; running the image on this node: ${failure.message}`, {});
      return undefined;
    },
    fetch: pull,
  };
}

interface Pull {
  readonly env: Env;
  readonly engine: Engine;
  readonly options: DockerOptions;
  readonly task: TaskStart;
  readonly image: ImageName;
}

async function pullImage(request: Pull): Promise<StartFailure | undefined> {
  const { env, engine, options, task, image } = request;
  const config = readConfig(task.config);
  const timeoutMs = config.durationMs("image_pull_timeout") ?? options.pullTimeoutMs;
  const abort = new AbortController();
  let why = "cancelled";
  const giveUp = (reason: string) => (): void => {
    why = reason;
    abort.abort();
  };
  const whole = env.clock.after(timeoutMs, giveUp(`it took longer than ${timeoutMs / 1000} s (image_pull_timeout)`));
  let idle = env.clock.after(
    options.pullIdleMs,
    giveUp(`the registry said nothing for ${options.pullIdleMs / 1000} s`),
  );
  const stop = giveUp("the task was stopped");
  task.signal.addEventListener("abort", stop, { once: true });
  task.onEvent("Downloading image", { image: imageRef(image) });
  try {
    const query = `fromImage=${encodeURIComponent(image.name)}&tag=${encodeURIComponent(image.tag)}`;
    const response = await engine.stream({
      method: "POST",
      path: `/images/create?${query}`,
      headers: authHeader(config.blocks("auth")[0]),
      timeoutMs: 0,
      signal: abort.signal,
    });
    const progress = progressReport(env, task);
    let error = "";
    for await (const value of jsonLines(response.body)) {
      idle.cancel();
      idle = env.clock.after(
        options.pullIdleMs,
        giveUp(`the registry said nothing for ${options.pullIdleMs / 1000} s`),
      );
      const line = v.safeParse(PullLineSchema, value);
      if (line.success) {
        error = line.output.error ?? error;
        progress(line.output);
      } else if (response.status >= 300) error = errorIn(value) ?? error;
    }
    if (error !== "" || response.status >= 300)
      return pullFailure(image, error === "" ? `HTTP ${response.status}` : error);
    return undefined;
  } catch (thrown) {
    return pullFailure(image, abort.signal.aborted ? why : messageOf(thrown));
  } finally {
    whole.cancel();
    idle.cancel();
    task.signal.removeEventListener("abort", stop);
  }
}

function progressReport(env: Env, task: TaskStart): (line: v.InferOutput<typeof PullLineSchema>) => void {
  const layers = new Map<string, { current: number; total: number }>();
  let toldMs = env.clock.monotonicMs();
  return ({ id, progressDetail }) => {
    if (id !== undefined && progressDetail?.total !== undefined) {
      layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total });
    }
    const now = env.clock.monotonicMs();
    if (now - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = now;
    const sum = (pick: "current" | "total"): string =>
      ([...layers.values()].reduce((all, layer) => all + layer[pick], 0) / MB).toFixed(1);
    task.onEvent(`Docker image pull progress: ${sum("current")} of ${sum("total")} MiB in ${layers.size} layers`, {});
  };
}

/** The engine's words for an image that is not there, or not for us: trying again would say the same. */
const FINAL = /not found|manifest unknown|access denied|does not exist|unauthorized|invalid reference/i;

function pullFailure(image: ImageName, reason: string): StartFailure {
  return {
    code: "IMAGE",
    message: `cannot pull image ${imageRef(image)}: ${reason}`,
    hint: "check its name and tag, the registry and the auth block, or load the image on this node",
    recoverable: !FINAL.test(reason),
  };
}

function errorIn(value: unknown): string | undefined {
  const parsed = v.safeParse(v.object({ message: v.string() }), value);
  return parsed.success ? parsed.output.message : undefined;
}

/** https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication */
function authHeader(block: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  if (block === undefined) return {};
  const auth = readConfig(block);
  const login = {
    username: auth.text("username"),
    password: auth.text("password"),
    email: auth.text("email"),
    serveraddress: auth.text("server_address"),
  };
  return { "x-registry-auth": Buffer.from(JSON.stringify(login)).toString("base64url") };
}
