import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";

/** Undefined also where the kernel refuses: a fact that cannot be learnt is left out. */
export async function readText(env: Env, path: string): Promise<string | undefined> {
  try {
    const bytes = await env.disk.read(path);
    return bytes === undefined ? undefined : textOf(bytes);
  } catch {
    return undefined;
  }
}
