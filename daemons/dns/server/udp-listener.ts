import type { Env } from "#base/env/env.ts";
import type { Address, DatagramAnswer, DatagramSocket } from "#base/env/net.ts";
import type { ClientTable } from "../resolve/client-table.ts";
import { PENDING, UDP } from "../resolve/door.ts";
import type { Pipeline } from "../resolve/pipeline.ts";
import type { WaitingQuestions } from "../resolve/waiting-questions.ts";

export interface Answering {
  readonly pipeline: Pipeline;
  readonly waiting: WaitingQuestions;
  readonly clients: ClientTable;
}

/** The way to somebody who waits. */
class WayBack {
  readonly door = UDP;
  readonly #bound: { readonly socket?: DatagramSocket };
  readonly #to: Address;

  constructor(bound: { readonly socket?: DatagramSocket }, to: Address) {
    this.#bound = bound;
    this.#to = to;
  }

  send(reply: Uint8Array): void {
    this.#bound.socket?.send(reply, this.#to);
  }
}

/** Questions over UDP at one address. Rejects with the system's code when it cannot be had. */
export async function listenUdp(
  env: Pick<Env, "net">,
  at: Address,
  { pipeline, waiting, clients, reusePort }: Answering & { readonly reusePort: boolean },
): Promise<DatagramSocket> {
  // Somebody may ask before there is a socket to answer by later.
  const bound: { socket?: DatagramSocket } = {};
  const answer: DatagramAnswer = (data, from, out) => {
    // Nothing that speaks DNS asks from port 0, and nobody could be answered there.
    if (from.port === 0) return 0;
    const client = from.ip === undefined ? clients.byText(from.host) : clients.byNumber(from.ip, () => from.host);
    const length = pipeline.answer(data, client, { door: UDP, out });
    if (length !== PENDING) return length;
    waiting.add(data, client, new WayBack(bound, from));
    return 0;
  };
  bound.socket = await env.net.serve(at, answer, { reusePort });
  return bound.socket;
}
