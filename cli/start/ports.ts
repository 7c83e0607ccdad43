import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

const TRIES = 50;

/** The wanted TCP port on `host`, or the next one above it that nobody holds. */
export async function freePort(env: Env, host: string, wanted: number): Promise<Result<number>> {
  for (let port = wanted; port < wanted + TRIES; port++) {
    try {
      const listener = await env.net.listen({ host, port }, (stream) => stream.destroy());
      await listener.close();
      return succeed(port);
    } catch {
      continue;
    }
  }
  return fail("no_free_port", `ports ${wanted} to ${wanted + TRIES - 1} on ${host} are all taken`, "stop what holds them");
}
