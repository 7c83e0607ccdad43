import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";

/** One try to act on the resource, in the order of arrival. */
export interface Act {
  readonly name: string;
  /** The session that held the lock when its holder looked. */
  readonly session: string;
  /** The entry's LockIndex then. */
  readonly token: number;
  /** The entry's ModifyIndex then: the order in which the servers gave the lock away. */
  readonly at: number;
  readonly accepted: boolean;
}

export interface Held {
  readonly token: number;
  readonly answer: () => void;
}

export interface Resource {
  readonly url: string;
  readonly acts: readonly Act[];
  /** Leaves the next accepted first act of two of this holder unanswered; resolves when it came. */
  hold(name: string): Promise<Held>;
  close(): Promise<void>;
}

/** What a lock guards. It refuses a token lower than the highest it has seen, and nothing else. */
export async function guardedResource(): Promise<Resource> {
  const acts: Act[] = [];
  const held = new Map<string, (held: Held) => void>();
  let highest = 0;
  const server = createHttpServer((request, response) => {
    const query = new URL(request.url ?? "/", "http://resource").searchParams;
    const token = Number(query.get("token"));
    const accepted = token >= highest;
    highest = Math.max(highest, token);
    const name = query.get("name") ?? "";
    acts.push({ name, session: query.get("session") ?? "", token, at: Number(query.get("at")), accepted });
    const holding = accepted && query.get("step") === "first" ? held.get(name) : undefined;
    if (holding === undefined) return answer(response, accepted);
    held.delete(name);
    holding({ token, answer: () => answer(response, accepted) });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    acts,
    hold: (name) => new Promise((resolve) => held.set(name, resolve)),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(response: ServerResponse, accepted: boolean): void {
  response.writeHead(accepted ? 200 : 409).end();
}

/** What is wrong with a history; empty: each holding had a token of its own, higher than those given before it. */
export function faultsOf(acts: readonly Act[]): readonly string[] {
  const holdings = new Map<string, Act>();
  for (const act of acts) {
    const before = holdings.get(act.session);
    if (before === undefined) holdings.set(act.session, act);
    else if (before.token !== act.token) return [`${act.name} acts with ${act.token}, its token was ${before.token}`];
  }
  const inOrder = [...holdings.values()].toSorted((a, b) => a.at - b.at);
  const given = inOrder.flatMap((each, index) => {
    const before = inOrder[index - 1];
    const rises = before === undefined || (each.token > before.token && each.at > before.at);
    return rises ? [] : [`${each.name} got ${each.token} after ${before.name} got ${before.token}`];
  });
  const accepted = acts.filter((act) => act.accepted);
  const overlapping = accepted.flatMap((act, index) => {
    const before = accepted[index - 1];
    if (before === undefined || before.session === act.session || act.token > before.token) return [];
    return [`${act.name} acted with ${act.token} after ${before.name} with ${before.token}`];
  });
  return [...given, ...overlapping];
}

/** A way to an agent that can be cut. */
export interface Road {
  readonly url: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function roadTo(url: string): Promise<Road> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((near) => {
    if (!open) return void near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy()).on("close", () => (sockets.delete(from), to.destroy()));
      from.pipe(to);
    }
  });
  const port = await listen(server);
  const cut = (): void => {
    open = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    cut,
    mend: () => void (open = true),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}
