import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Address, DatagramSocket, Listener, Stream } from "#base/env/net.ts";

export interface Sockets {
  readonly address: Address;
  readonly datagrams: DatagramSocket;
  readonly listener: Listener;
}

/** How many free ports for streams are tried until one is free for datagrams too. */
const ATTEMPTS = 10;

/** Binds one port for both. */
export async function openSockets(
  env: Env,
  at: Address,
  on: { datagram: (bytes: Uint8Array, from: Address) => void; stream: (stream: Stream) => void },
): Promise<Sockets> {
  for (let attempt = 1; ; attempt++) {
    const listener = await env.net.listen(at, on.stream);
    const { port } = listener.address;
    try {
      const datagrams = await env.net.bind({ host: at.host, port }, on.datagram);
      return { address: { host: at.host, port }, datagrams, listener };
    } catch (thrown) {
      await listener.close();
      const taken = thrown instanceof CodedError && thrown.code === "EADDRINUSE";
      if (at.port !== 0 || !taken || attempt === ATTEMPTS) throw thrown;
    }
  }
}

/** What to announce for a socket that takes everything: an address of the host that others can reach. */
export function reachableHost(env: Env, bound: string): string {
  if (bound !== "0.0.0.0" && bound !== "::") return bound;
  const own = env.net.interfaces().filter((each) => !each.internal && !each.address.startsWith("fe80:"));
  const wanted = own.find((each) => each.family === 4) ?? (bound === "::" ? own[0] : undefined);
  return wanted?.address ?? "127.0.0.1";
}
