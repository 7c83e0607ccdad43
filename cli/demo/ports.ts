import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";

const TRIES = 50;

/** The wanted TCP port on `host`, or the next above it that nobody holds. */
export async function freePort(env: Env, host: string, wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + TRIES; port++) {
    try {
      const listener = await env.net.listen({ host, port }, (stream) => stream.destroy());
      await listener.close();
      return port;
    } catch {
      continue;
    }
  }
  throw new CodedError(
    "no_free_port",
    `ports ${wanted} to ${wanted + TRIES - 1} on ${host} are all taken`,
    "stop what holds one of them",
  );
}
