import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { SerfEvent } from "#daemons/discovery/serf/core/core-ports.ts";
import { parseEventFilter, wants } from "#daemons/discovery/serf/rpc/event-filter.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";

/** `[FILTER=]COMMAND`: a command of the shell, for all events or those of a filter. */
export interface EventHandler {
  readonly filter: NonNullable<ReturnType<typeof parseEventFilter>>;
  readonly command: string;
}

const TIMEOUT_MS = 300_000;
/** Longest answer to a query. */
const MAX_RESPONSE_BYTES = 1024;
/** Handlers that run at a time; events above that are not handled. */
const MAX_RUNNING = 64;

/** Throws for a filter that is none. */
export function readEventHandler(text: string): EventHandler {
  const at = text.indexOf("=");
  const head = at < 0 ? "" : text.slice(0, at);
  // A command may hold an equals sign of its own: what stands before it is then no filter.
  const isFilter = at >= 0 && /^[a-z*]+(?:-[a-z]+)*(?::[^\s,=]+)?(?:,[a-z*-]+(?::[^\s,=]+)?)*$/.test(head);
  const filter = isFilter ? parseEventFilter(head) : [{ kind: "*", name: "" }];
  if (filter === undefined)
    throw new CodedError(
      "serf_handler",
      `"${head}" in the event handler "${text}" is no kind of event`,
      "expected member-join, member-leave, member-failed, member-update, member-reap, user[:NAME] or query[:NAME]",
    );
  return { filter, command: isFilter ? text.slice(at + 1) : text };
}

/** Runs the handlers, as Serf runs its: what happened is in `SERF_*` variables and on standard input. */
export class EventHandlers {
  readonly #env: Env;
  readonly #serf: Serf;
  readonly #handlers: readonly EventHandler[];
  #running = 0;

  constructor(env: Env, serf: Serf, handlers: readonly EventHandler[]) {
    this.#env = env;
    this.#serf = serf;
    this.#handlers = handlers;
  }

  handle(event: SerfEvent): void {
    for (const { filter, command } of this.#handlers) if (wants(filter, event)) void this.#run(command, event);
  }

  async #run(command: string, event: SerfEvent): Promise<void> {
    const { log, exec } = this.#env;
    if (this.#running >= MAX_RUNNING) return log.warn("an event is not handled: too many handlers run", { command });
    this.#running += 1;
    try {
      const env = { ...definedEnvironment(), ...variablesOf(this.#serf, event) };
      const options = { env, input: inputOf(event), timeoutMs: TIMEOUT_MS, maxOutputBytes: 8192, leaveNothing: true };
      const done = await exec.run(["/bin/sh", "-c", command], options);
      if (done.code !== 0 || done.signal !== 0)
        log.error("an event handler failed", { command, code: done.code, output: done.stderr.trim() });
      if (event.kind === "query" && done.stdout !== "") answer(this.#env, event, done.stdout);
    } catch (thrown) {
      log.error("an event handler failed", { command, reason: messageOf(thrown) });
    } finally {
      this.#running -= 1;
    }
  }
}

function answer({ log }: Env, event: Extract<SerfEvent, { kind: "query" }>, output: string): void {
  const told = event.respond(Buffer.from(output).subarray(0, MAX_RESPONSE_BYTES));
  if (!told.ok) log.warn("a query was not answered", { query: event.name, reason: told.error.message });
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])),
  );
}

function variablesOf({ name, core }: Serf, event: SerfEvent): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [key, text] of Object.entries(core.tags))
    tags[`SERF_TAG_${key.toUpperCase().replaceAll(/[^A-Z0-9_]/g, "_")}`] = text;
  return {
    SERF_EVENT: event.kind,
    SERF_SELF_NAME: name,
    SERF_SELF_ROLE: core.tags["role"] ?? "",
    ...tags,
    ...(event.kind === "user" ? { SERF_USER_EVENT: event.name, SERF_USER_LTIME: String(event.lTime) } : {}),
    ...(event.kind === "query" ? { SERF_QUERY_NAME: event.name, SERF_QUERY_LTIME: String(event.lTime) } : {}),
  };
}

/** The payload, or a line per member: name, address, role and tags between tabs. */
function inputOf(event: SerfEvent): string {
  if (event.kind === "user" || event.kind === "query") {
    const text = textOf(event.payload);
    return text === "" || text.endsWith("\n") ? text : `${text}\n`;
  }
  const lines = event.members.map(({ name, host, tags }) => {
    const pairs = Object.entries(tags).map(([key, text]) => `${key}=${text}`);
    return [name, host, tags["role"] ?? "", pairs.join(",")].map(escaped).join("\t");
  });
  return `${lines.join("\n")}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}
