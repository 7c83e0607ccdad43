import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import type { Engine } from "./engine.ts";

/** The engine's words for a log that is never turned over: a petabyte. */
export const WHOLE_LOG_SIZE = "1048576g";

const InfoSchema = v.object({ DockerRootDir: v.string() });

/** Whether the engine's files of its containers' output can be read here: asked until it is known. */
export function askForLogFiles(env: Env, engine: Engine): () => Promise<boolean> {
  let known: boolean | undefined;
  return async () => {
    if (known !== undefined) return known;
    if (!engine.address.startsWith("unix:")) return (known = false);
    const info = v.safeParse(InfoSchema, (await engine.call({ path: "/info" })).value);
    if (!info.success) return false;
    const folder = await env.disk.stat(`${info.output.DockerRootDir}/containers`).catch(() => undefined);
    known = folder?.kind === "directory";
    return known;
  };
}
