import { createHash } from "node:crypto";
import type { Env } from "#base/env/env.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import type { Artifact, Task } from "#base/protocol/task.ts";
import type { StartFailure } from "#drivers/driver.ts";
import { interpolate, interpolateTexts, type Lookup } from "../alloc/interpolate.ts";
import { fetchArtifact } from "./fetch-artifact.ts";
import type { ArtifactLimits } from "./limits.ts";

export interface ArtifactsOfTask {
  readonly task: Task;
  readonly taskDir: string;
  readonly allocRoot: string;
  readonly lookup: Lookup;
  /** `UID:GID` of the task's user; undefined: the agent's own. */
  readonly owner: string | undefined;
  readonly limits: ArtifactLimits;
  readonly signal: AbortSignal;
  /** Called before the first one is fetched. */
  readonly onFetch: () => void;
}

/**
 * Fetches what a task asks for, one after the other, each once in the allocation's life: a restarted task finds what it
 * has left. A failure may pass, so that the task's restart policy decides about another attempt.
 */
export async function fetchArtifacts(env: Env, what: ArtifactsOfTask): Promise<Result<void, StartFailure>> {
  const { task, allocRoot } = what;
  const notes = `${allocRoot}/.artifacts/${task.Name}`;
  let told = false;
  for (const [at, written] of task.Artifacts.entries()) {
    const artifact = interpolated(written, what.lookup);
    const done = `${notes}/done-${digest(artifact)}`;
    if ((await env.disk.stat(done)) !== undefined) continue;
    if (!told) what.onFetch();
    told = true;
    const fetching = { env, folder: `${notes}/${at}`, limits: what.limits, signal: what.signal };
    await env.disk.remove(fetching.folder);
    const owner = artifact.Chown ? what.owner : undefined;
    const fetched = await fetchArtifact(fetching, artifact, { taskDir: what.taskDir, allocRoot, owner });
    if (!fetched.ok) return failure(artifact, fetched.error);
    await env.disk.replace(done, "");
  }
  return succeed(undefined);
}

function interpolated(artifact: Artifact, lookup: Lookup): Artifact {
  return {
    ...artifact,
    GetterSource: interpolate(artifact.GetterSource, lookup),
    GetterOptions: interpolateTexts(artifact.GetterOptions, lookup),
    GetterHeaders: interpolateTexts(artifact.GetterHeaders, lookup),
    RelativeDest: interpolate(artifact.RelativeDest, lookup),
  };
}

function digest(artifact: Artifact): string {
  return createHash("sha256").update(JSON.stringify(artifact)).digest("hex").slice(0, 16);
}

/** What was wrong from the start stays wrong. */
const FINAL = new Set(["SOURCE", "DESTINATION", "MODE"]);

function failure(
  { GetterSource }: Artifact,
  { code, message, hint }: { readonly code: string; readonly message: string; readonly hint?: string | undefined },
): { readonly ok: false; readonly error: StartFailure } {
  const text = `failed to download artifact ${JSON.stringify(withoutSecrets(GetterSource))}: ${message}`;
  return {
    ok: false,
    error: { code: "ARTIFACT", message: text, recoverable: !FINAL.has(code), ...(hint === undefined ? {} : { hint }) },
  };
}

/** A URL may hold a password, a key, or a signature. */
export function withoutSecrets(source: string): string {
  return source.replace(/\/\/[^/@?]*@/, "//…@").replace(/\?.*$/s, "?…");
}
