import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { StartFailure } from "../../driver.ts";
import { EngineAway, type Engine } from "../engine.ts";
import { jsonLines } from "../json-lines.ts";
import { authHeader, type Login } from "./credentials.ts";
import { imageRef, type ImageName } from "./image-name.ts";

export interface Pull {
  readonly env: Env;
  readonly engine: Engine;
  readonly image: ImageName;
  /** Undefined: as anybody. */
  readonly login: Login | undefined;
  /** Of the whole pull. */
  readonly timeoutMs: number;
  /** Without a word from the registry. */
  readonly idleMs: number;
  readonly onEvent: (message: string, details: Readonly<Record<string, string>>) => void;
  readonly signal: AbortSignal;
}

const PROGRESS_EVERY_MS = 10_000;
const MB = 1024 * 1024;

const PullLineSchema = v.object({
  id: v.optional(v.string()),
  status: v.optional(v.string()),
  error: v.optional(v.string()),
  progressDetail: v.nullish(v.object({ current: v.optional(v.number()), total: v.optional(v.number()) })),
});

/** Has the engine fetch an image from its registry; undefined: it has it. */
export async function pullImage(request: Pull): Promise<StartFailure | undefined> {
  const { env, image, timeoutMs, idleMs, signal } = request;
  const abort = new AbortController();
  let why = "cancelled";
  const giveUp = (reason: string) => (): void => {
    why = reason;
    abort.abort();
  };
  const whole = env.clock.after(timeoutMs, giveUp(`it took longer than ${timeoutMs / 1000} s (image_pull_timeout)`));
  const isSilent = giveUp(`the registry said nothing for ${idleMs / 1000} s`);
  let idle = env.clock.after(idleMs, isSilent);
  const stop = giveUp("the task was stopped");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const error = await ask(request, abort.signal, () => {
      idle.cancel();
      idle = env.clock.after(idleMs, isSilent);
    });
    return error === "" ? undefined : pullFailure(image, error);
  } catch (thrown) {
    if (thrown instanceof EngineAway && !abort.signal.aborted) throw thrown;
    return pullFailure(image, abort.signal.aborted ? why : messageOf(thrown));
  } finally {
    whole.cancel();
    idle.cancel();
    signal.removeEventListener("abort", stop);
  }
}

/** What the engine says is wrong; empty: nothing. */
async function ask(
  { env, engine, image, login, onEvent }: Pull,
  signal: AbortSignal,
  heard: () => void,
): Promise<string> {
  const query = `fromImage=${encodeURIComponent(image.name)}&tag=${encodeURIComponent(image.tag)}`;
  const response = await engine.stream({
    method: "POST",
    path: `/images/create?${query}`,
    headers: authHeader(login),
    timeoutMs: 0,
    signal,
  });
  const progress = progressReport(env, onEvent);
  let error = "";
  for await (const value of jsonLines(response.body)) {
    heard();
    if (response.status >= 300) error = errorIn(value) ?? error;
    const line = v.safeParse(PullLineSchema, value);
    if (!line.success) continue;
    error = line.output.error ?? error;
    progress(line.output);
  }
  return error === "" && response.status >= 300 ? `HTTP ${response.status}` : error;
}

function progressReport(env: Env, onEvent: Pull["onEvent"]): (line: v.InferOutput<typeof PullLineSchema>) => void {
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
    onEvent(`Docker image pull progress: ${sum("current")} of ${sum("total")} MiB in ${layers.size} layers`, {});
  };
}

/** The engine's words for an image that is not there, or not for us: trying again would say the same. */
const FINAL = /not found|manifest unknown|access denied|does not exist|invalid reference/i;
const NOT_FOR_US = /unauthorized|authentication required|no basic auth credentials|incorrect username or password/i;
const DISK_FULL = /no space left on device/i;
const HINT = "check its name and tag, the registry and the auth block, or load the image on this node";
const FULL_HINT = "the disk of the Docker engine is full: make room below its data-root, or use a smaller image";

function pullFailure(image: ImageName, reason: string): StartFailure {
  const isRefused = NOT_FOR_US.test(reason);
  return {
    code: isRefused ? "AUTH" : "IMAGE",
    message: `cannot pull image ${imageRef(image)}: ${reason}`,
    hint: DISK_FULL.test(reason) ? FULL_HINT : HINT,
    recoverable: !isRefused && !FINAL.test(reason),
  };
}

function errorIn(value: unknown): string | undefined {
  const parsed = v.safeParse(v.object({ message: v.string() }), value);
  return parsed.success ? parsed.output.message : undefined;
}
