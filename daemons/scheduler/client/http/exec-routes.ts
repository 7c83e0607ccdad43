import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import { messageOf } from "#base/env/errors.ts";
import { demand, openAccess } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";
import { chooseAction } from "./choose-action.ts";
import { runnerOf, type ClientHttpDeps } from "./client-deps.ts";
import { parseHandshake } from "./exec-frames.ts";
import { closeWith, serveExec } from "./exec-stream.ts";

/** Commands that run in tasks of this node at once, for people and for their tools. */
const MAX_SESSIONS = 128;
/** For a browser's first message, which holds its token. */
const HANDSHAKE_MS = 10_000;

export interface ExecWish {
  readonly runner: AllocRunner;
  readonly task: string;
  readonly command: readonly string[];
  readonly tty: boolean;
}

/** https://developer.hashicorp.com/nomad/api-docs/client#exec-allocation , …/jobs#run-action */
export function execRoutes(deps: ClientHttpDeps): Route[] {
  const sessions = { count: 0 };
  const shell = { tty: queryFlag, ws_handshake: queryFlag };
  return [
    route({
      method: "GET",
      path: "/v1/client/allocation/:alloc/exec",
      summary: "Runs a command in a task, over a WebSocket",
      // A browser says who it is in its first message.
      access: { kind: "public" },
      query: v.object({ ...shell, task: queryText, command: queryText }),
      handle({ params, query, token }) {
        const runner = runnerOf(deps, params.alloc);
        const wish = { runner, task: query.task, command: commandOf(query.command), tty: query.tty };
        return openExec(deps, sessions, { wish, token, waits: query.ws_handshake });
      },
    }),
    route({
      method: "GET",
      path: "/v1/job/+id/action",
      summary: "Runs an action of a task, over a WebSocket",
      access: { kind: "public" },
      query: v.object({
        ...shell,
        namespace: v.optional(v.string(), "default"),
        action: queryText,
        // What programs send, and what the documentation's table says.
        allocID: queryText,
        alloc_id: queryText,
        group: queryText,
        task: queryText,
      }),
      handle({ params, query, token }) {
        const wish = {
          ...chooseAction(deps, {
            ...query,
            allocID: query.allocID === "" ? query.alloc_id : query.allocID,
            job: params.id,
          }),
          tty: query.tty,
        };
        return openExec(deps, sessions, { wish, token, waits: query.ws_handshake });
      },
    }),
  ];
}

interface Asked {
  readonly wish: ExecWish;
  readonly token: string;
  /** The token comes as the first message. */
  readonly waits: boolean;
}

async function openExec(deps: ClientHttpDeps, sessions: { count: number }, asked: Asked): Promise<Reply> {
  const { wish, waits } = asked;
  if (sessions.count >= MAX_SESSIONS) {
    throw new HttpError(429, `${MAX_SESSIONS} commands run in tasks of this node already: end one of them first`);
  }
  if (!waits) await authorize(deps, wish, asked.token);
  return {
    kind: "webSocket",
    accept(channel) {
      sessions.count += 1;
      channel.onClose(() => (sessions.count -= 1));
      run(deps, channel, asked).catch((thrown: unknown) => {
        closeWith(channel, { status: thrown instanceof HttpError ? thrown.status : 500, message: messageOf(thrown) });
      });
    },
  };
}

async function run(deps: ClientHttpDeps, channel: WebSocketChannel, { wish, waits }: Asked): Promise<void> {
  if (waits) await authorize(deps, wish, await firstToken(deps, channel));
  const { runner, task, command, tty } = wish;
  const { driver, handle } = runningTask(deps, runner, task);
  await serveExec(deps.env, channel, { driver, handle, command, tty });
}

async function firstToken({ env }: ClientHttpDeps, channel: WebSocketChannel): Promise<string> {
  const first = new Promise<Uint8Array>((resolve) => {
    channel.onMessage((message) => {
      resolve(message);
      // What comes after it waits for whoever takes over.
      return new Promise(() => {});
    });
  });
  const message = await Promise.race([first, sleep(env.clock, HANDSHAKE_MS).then(() => undefined)]);
  const token = message === undefined ? undefined : parseHandshake(message);
  if (token?.ok === true) return token.value;
  throw new HttpError(400, token?.error.message ?? "no handshake came in time");
}

/** Throws a 403. A task that sees the node's own files needs the right to run commands on the node. */
async function authorize(deps: ClientHttpDeps, { runner, task }: ExecWish, token: string): Promise<void> {
  const known = await (deps.access ?? openAccess)(token);
  if (!known.ok) throw new HttpError(403, known.error.message);
  const name = runner.current.alloc.Namespace;
  demand(known.value, { resource: "namespace", capability: "alloc-exec", name });
  if (runningTask(deps, runner, task).driver.capabilities.fsIsolation === "none") {
    demand(known.value, { resource: "namespace", capability: "alloc-node-exec", name });
  }
}

function runningTask({ client }: ClientHttpDeps, runner: AllocRunner, name: string) {
  const known = runner.tasks.get(name);
  if (known === undefined) {
    throw new HttpError(
      404,
      `unknown task name ${JSON.stringify(name)} (its tasks: ${[...runner.tasks.keys()].join(", ")})`,
    );
  }
  const { phase } = known.record();
  if (phase.kind !== "running") {
    throw new HttpError(404, `task ${JSON.stringify(name)} is not running (it is ${phase.kind})`);
  }
  const driver = client.driver(phase.handle.driver);
  if (driver === undefined) throw new HttpError(500, `this node has no driver ${JSON.stringify(phase.handle.driver)}`);
  return { driver, handle: phase.handle };
}

const CommandSchema = v.pipe(v.string(), v.parseJson(), v.array(v.string()), v.minLength(1));

function commandOf(text: string): readonly string[] {
  const parsed = v.safeParse(CommandSchema, text);
  if (parsed.success && parsed.output[0] !== "") return parsed.output;
  throw new HttpError(400, `command must be a JSON list of the program and its arguments, got ${JSON.stringify(text)}`);
}
