import * as v from "valibot";
import { queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { LoggedQuery } from "../log/logged-query.ts";
import { typeName } from "../packet/type-name.ts";
import { utf8 } from "#base/env/bytes.ts";
import type { ApiDeps } from "./api-deps.ts";
import { ApiError } from "./api-error.ts";
import { queryView } from "./query-routes.ts";
import { statusName } from "./pihole-names.ts";

const MAX_LINES = 500;
const NextQuery = v.object({ nextID: queryInteger });
/** Queries a slow reader of the tail may be behind; more are left out for it. */
const MAX_BEHIND = 1000;

interface Line {
  readonly timestamp: number;
  readonly message: string;
  readonly prio: string | null;
}

/** Logs in lines, and the query log as it grows. */
export function logRoutes(deps: ApiDeps): Route[] {
  const lines = (path: string, summary: string, all: () => readonly Line[]): Route =>
    route({
      method: "GET",
      path,
      summary,
      access: { kind: "any-token" },
      query: NextQuery,
      handle: ({ query: { nextID = 0 } }) => {
        const known = all();
        const pid = null;
        const from = nextID > known.length ? 0 : Math.max(0, nextID);
        return { kind: "json", value: { log: known.slice(from), nextID: known.length, pid, file: "" } };
      },
    });
  return [
    lines("/api/logs/dnsmasq", "The newest queries in lines", () => queryLines(deps)),
    lines("/api/logs/ftl", "This program's log", () =>
      deps.logLines().map(({ timeMs, level, message }) => ({ timestamp: timeMs / 1000, message, prio: level })),
    ),
    lines("/api/logs/webserver", "Requests are in this program's log", () => []),
    route({
      method: "GET",
      path: "/api/queries/tail",
      summary: "Queries as they come, a JSON object a line (of Lares)",
      access: { kind: "any-token" },
      handle: ({ signal }) => {
        const tail = new Tail(deps, signal);
        return { kind: "stream", contentType: "application/x-ndjson", body: tail.lines() };
      },
    }),
  ];
}

function queryLines({ log }: ApiDeps): Line[] {
  const lines: Line[] = [];
  for (const query of log.recent()) {
    if (lines.length >= MAX_LINES) break;
    const { timeMs, type, name, client, status } = query;
    const message = `query[${typeName(type)}] ${name} from ${client}: ${statusName(status)}`;
    lines.push({ timestamp: timeMs / 1000, message, prio: null });
  }
  return lines.toReversed();
}

class Tail {
  readonly #signal: AbortSignal;
  readonly #deps: ApiDeps;
  #waiting: LoggedQuery[] = [];
  #wake: () => void = () => {};

  constructor(deps: ApiDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  lines(): AsyncGenerator<Uint8Array> {
    const end = this.#deps.log.tail((query) => {
      if (this.#waiting.length < MAX_BEHIND) this.#waiting.push(query);
      this.#wake();
    });
    if (end === undefined)
      throw new ApiError(429, "too_many_tails", { message: "too many are reading the log as it grows" });
    this.#signal.addEventListener("abort", () => this.#wake(), { once: true });
    return this.#lines(end);
  }

  async *#lines(end: () => void): AsyncGenerator<Uint8Array> {
    try {
      // Something at once, so that the reader knows it is heard.
      yield utf8("\n");
      while (!this.#signal.aborted) {
        const batch = this.#waiting;
        this.#waiting = [];
        for (const query of batch) yield utf8(`${JSON.stringify(queryView(this.#deps, query))}\n`);
        if (this.#waiting.length === 0 && !this.#signal.aborted)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      end();
    }
  }
}
