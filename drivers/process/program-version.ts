import type { Env } from "#base/env/env.ts";
import type { RunResult } from "#base/env/exec.ts";

/** What a program says of itself, asked again only when its file has changed. Undefined: there is none, or it failed. */
export function askProgram(env: Env, argv: readonly string[]): () => Promise<RunResult | undefined> {
  let known: { readonly stamp: string; readonly said: RunResult } | undefined;
  return async () => {
    const path = await env.exec.find(argv[0] ?? "");
    const stat = path === undefined ? undefined : await env.disk.stat(path).catch(() => undefined);
    if (path === undefined || stat === undefined) return undefined;
    const stamp = `${path} ${stat.modifiedMs} ${stat.size}`;
    if (known?.stamp !== stamp) known = { stamp, said: await env.exec.run(argv) };
    return known.said.code === 0 ? known.said : undefined;
  };
}
