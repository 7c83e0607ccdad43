import type { Env } from "#base/env/env.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import { readConfig, type ConfigReader } from "../../config-shape.ts";
import type { StartFailure, TaskStart } from "../../driver.ts";
import type { Engine } from "../engine.ts";
import type { DockerOptions } from "../plugin-options.ts";
import { loginFor } from "./credentials.ts";
import { findImage } from "./find-image.ts";
import { imageRef, isDigest, parseImageName, type ImageName } from "./image-name.ts";
import { loadImage } from "./load-image.ts";
import { mirrored } from "./mirrors.ts";
import { pullImage } from "./pull.ts";
import { SharedWork, type Waiter } from "./shared-work.ts";

export interface Images {
  /** Before "create": loads or pulls where the task or a moving tag asks for it. A failed pull of an image that is here is told and forgiven. */
  refresh(task: TaskStart): Promise<StartFailure | undefined>;
  /** After "create" found no such image; what to create from. */
  fetch(task: TaskStart): Promise<Result<string, StartFailure>>;
  /** One that no task asked for by itself. */
  bring(image: string, timeoutMs: number): Promise<Result<string, StartFailure>>;
}

interface Wish {
  readonly image: ImageName;
  readonly auth: Readonly<Record<string, unknown>> | undefined;
  /** A login that is refused, or cannot be found out, is left out. */
  readonly isSoft: boolean;
  readonly timeoutMs: number;
}

export function createImages(env: Env, engine: Engine, options: DockerOptions): Images {
  const pulls = new SharedWork<Result<string, StartFailure>>();
  const pull = (wish: Wish, waiter: Waiter): Promise<Result<string, StartFailure>> =>
    pulls.join(`${imageRef(wish.image)} ${JSON.stringify(wish.auth)}`, waiter, (all) =>
      fromAnywhere({ env, engine, options, wish, waiter: all }),
    );
  const pullFor = (task: TaskStart): Promise<Result<string, StartFailure>> => {
    task.onEvent("Downloading image", { image: imageRef(parseImageName(readConfig(task.config).text("image"))) });
    return pull(wishOf(readConfig(task.config), options), task);
  };
  return {
    async refresh(task) {
      const config = readConfig(task.config);
      if (config.text("load") !== "") return loadImage({ disk: env.disk, engine, task, path: config.text("load") });
      const image = parseImageName(config.text("image"));
      const forced = config.flag("force_pull", false);
      if (!forced && !image.moving) return undefined;
      const here = await findImage(engine, imageRef(image));
      if (here.status === 404) return failureOf(await pullFor(task));
      // An image that came from no registry (built or loaded on this node) has no digest; there is nothing to refresh it from.
      if (!forced && here.digests?.length === 0) return undefined;
      const failure = failureOf(await pullFor(task));
      if (failure !== undefined)
        task.onEvent(`Could not refresh ${imageRef(image)}; running the image on this node: ${failure.message}`, {});
      return undefined;
    },
    async fetch(task) {
      const config = readConfig(task.config);
      const load = config.text("load");
      if (load === "") return pullFor(task);
      const name = imageRef(parseImageName(config.text("image")));
      const message = `the archive ${JSON.stringify(load)} holds no image ${name}`;
      return { ok: false, error: { code: "IMAGE", message, hint: HOLDS, recoverable: false } };
    },
    bring: (name, timeoutMs) =>
      pull(
        { image: parseImageName(name), auth: undefined, isSoft: false, timeoutMs },
        { signal: new AbortController().signal, onEvent: () => {} },
      ),
  };
}

const HOLDS = "image must be a name the archive was saved with: docker load says which";

function wishOf(config: ConfigReader, options: DockerOptions): Wish {
  return {
    image: parseImageName(config.text("image")),
    auth: config.blocks("auth")[0],
    isSoft: config.flag("auth_soft_fail", false),
    timeoutMs: config.durationMs("image_pull_timeout") ?? options.pullTimeoutMs,
  };
}

function failureOf(done: Result<unknown, StartFailure>): StartFailure | undefined {
  return done.ok ? undefined : done.error;
}

interface Fetch {
  readonly env: Env;
  readonly engine: Engine;
  readonly options: DockerOptions;
  readonly wish: Wish;
  readonly waiter: Waiter;
}

/** From the first mirror that has it, else from its own registry. */
async function fromAnywhere(fetch: Fetch): Promise<Result<string, StartFailure>> {
  const { engine, options, wish, waiter } = fetch;
  for (const mirror of mirrored(options.mirrors, wish.image)) {
    // What a task knows of its registry is not for others to hear.
    const failure = await fromRegistry(fetch, { ...wish, image: mirror, auth: undefined });
    if (failure === undefined) return rename(engine, mirror, wish.image);
    if (waiter.signal.aborted) return { ok: false, error: failure };
    waiter.onEvent(`Mirror did not give the image, asking on: ${failure.message}`, {});
  }
  const failure = await fromRegistry(fetch, wish);
  return failure === undefined ? succeed(imageRef(wish.image)) : { ok: false, error: failure };
}

async function fromRegistry(fetch: Fetch, wish: Wish): Promise<StartFailure | undefined> {
  const { env, engine, options, waiter } = fetch;
  const { image, isSoft, timeoutMs } = wish;
  const login = await loginFor(env, options.logins, { block: wish.auth, name: image.name });
  if (!login.ok && !isSoft) return { ...login.error, recoverable: true };
  if (!login.ok) waiter.onEvent(`Asking for the image without a login: ${login.error.message}`, {});
  const pull = { env, engine, image, timeoutMs, idleMs: options.pullIdleMs, ...waiter };
  const asked = login.ok ? login.value : undefined;
  const failure = await pullImage({ ...pull, login: asked });
  if (failure?.code !== "AUTH" || !isSoft || asked === undefined) return failure;
  waiter.onEvent(`Asking for the image without a login: ${failure.message}`, {});
  return pullImage({ ...pull, login: undefined });
}

/** Under the name the task gave it; a digest belongs to the name it came by. */
async function rename(engine: Engine, from: ImageName, to: ImageName): Promise<Result<string, StartFailure>> {
  if (isDigest(to.tag)) return succeed(imageRef(from));
  const query = `repo=${encodeURIComponent(to.name)}&tag=${encodeURIComponent(to.tag)}`;
  const done = await engine.call({ method: "POST", path: `/images/${imageRef(from)}/tag?${query}` });
  if (done.ok) return succeed(imageRef(to));
  const message = `cannot name ${imageRef(from)} ${imageRef(to)}: ${done.message}`;
  return { ok: false, error: { code: "IMAGE", message, recoverable: true } };
}
