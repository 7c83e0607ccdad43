import * as v from "valibot";
import type { Clock } from "#base/env/clock.ts";
import { utf8 } from "#base/env/bytes.ts";
import { PERMISSION_DENIED, type Access } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryInteger, queryTexts } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { BufferedChange, EventBuffer } from "../server/events/event-buffer.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { namespaced, namespaceFilter } from "./requests.ts";
import { eventsOf, isGlobal, type EventSources, type StreamEvent, type Topic } from "./stream-event.ts";

const HEARTBEAT_MS = 30_000;
/** Happenings that are looked at in one turn; a large revision takes several lines of the same index. */
const SLICE = 100;

/** https://developer.hashicorp.com/nomad/api-docs/events */
export function eventRoutes({ server }: NomadHttpDeps): Route[] {
  const { state, env } = server.context;
  return [
    route({
      method: "GET",
      path: "/v1/event/stream",
      summary: "Follow what happens in the cluster",
      access: { kind: "filtered" },
      query: v.object({ ...namespaced, index: queryInteger, topic: queryTexts }),
      handle: ({ query, signal, access, token }) => {
        demandTopics(access, query.topic, query.namespace);
        const filter = filterOf(query.topic, namespaceFilter(query.namespace), access);
        const isValid = (): boolean => server.acl.resolver.access(token).ok;
        const start = server.events.placeOf(query.index ?? 0);
        const body = lines(
          follow({ state, acl: server.acl, clock: env.clock, buffer: server.events, signal, start, filter, isValid }),
        );
        return { kind: "stream", contentType: "application/json", body };
      },
    }),
  ];
}

interface Filter {
  readonly wants: (topic: Topic) => boolean;
  readonly passes: (event: StreamEvent) => boolean;
}

interface Following extends EventSources {
  readonly clock: Clock;
  readonly buffer: EventBuffer;
  readonly signal: AbortSignal;
  readonly start: number;
  readonly filter: Filter;
  /** Whether the token still counts. */
  readonly isValid: () => boolean;
}

/** Ends when the reader goes, or is so slow that what comes next is not kept any more: it has to come again then. */
async function* follow(following: Following): AsyncGenerator<unknown> {
  const { buffer, signal } = following;
  yield {};
  for (let place = following.start; !signal.aborted;) {
    const change = buffer.at(place);
    if (!following.isValid()) return;
    if (change === "gone") return;
    if (change === "ahead") {
      if (!(await news(following))) yield {};
      continue;
    }
    yield* told(following, change);
    place += 1;
  }
}

async function* told({ state, acl, clock, filter }: Following, change: BufferedChange): AsyncGenerator<unknown> {
  const { revision: Index, happenings } = change;
  for (let at = 0; at < happenings.length; at += SLICE) {
    if (at > 0) await new Promise<void>((resolve) => clock.soon(resolve));
    const Events = happenings
      .slice(at, at + SLICE)
      .flatMap((each) => eventsOf({ state, acl }, each, { Index, wants: filter.wants }))
      .filter(filter.passes);
    if (Events.length > 0) yield { Index, Events };
  }
}

/** Resolves with false when nothing happened in time. */
function news({ clock, buffer, signal }: Following): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (heard: boolean): void => {
      timer.cancel();
      ignore();
      signal.removeEventListener("abort", onAbort);
      resolve(heard);
    };
    const onAbort = (): void => done(true);
    const timer = clock.after(HEARTBEAT_MS, () => done(false));
    const ignore = buffer.onNext(() => done(true));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) done(true);
  });
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const value of values) yield utf8(`${JSON.stringify(value)}\n`);
}

/** `Topic`, `Topic:key`, `*` or `*:key`; none is everything. */
function filterOf(topics: readonly string[], namespace: string | undefined, access: Access): Filter {
  const wanted = (topics.length === 0 ? ["*"] : topics).map((text) => {
    const [topic = "", key = "*"] = text.split(/:(.*)/s);
    if (topic === "") throw new HttpError(400, `Invalid key value pair for topic: topic=${text}`);
    return { topic, key };
  });
  const passes = (event: StreamEvent): boolean => {
    if (namespace !== undefined && !isGlobal(event) && event.Namespace !== namespace) return false;
    if (!isVisible(access, event)) return false;
    return wanted.some(({ topic, key }) => {
      if (key !== "*" && key !== event.Key && !event.FilterKeys.includes(key)) return false;
      return topic === "*" || topic === event.Topic || topic === event.Type;
    });
  };
  // `NodeDrain` is named among the topics: it is a type of Node.
  const wants = (topic: Topic): boolean =>
    wanted.some(
      (each) => each.topic === "*" || each.topic === topic || (each.topic === "NodeDrain" && topic === "Node"),
    );
  return { wants, passes };
}

/** What reading a topic takes; undefined: a management token. */
function needOf(topic: string): readonly [resource: string, capability: string] | undefined {
  switch (topic) {
    case "Node":
    case "NodeDrain":
      return ["node", "read"];
    case "HostVolume":
      return ["namespace", "host-volume-read"];
    case "CSIVolume":
      return ["namespace", "csi-read-volume"];
    case "Variable":
      return ["variables", "list"];
    case "Operator":
      return ["operator", "read"];
    case "Job":
    case "Allocation":
    case "Evaluation":
    case "Deployment":
    case "Service":
    case "CSIPlugin":
      return ["namespace", "read-job"];
    default:
      return undefined;
  }
}

function isVisible(access: Access, { Topic, Namespace, Key }: StreamEvent): boolean {
  if (access.isManagement) return true;
  const need = needOf(Topic);
  const name = Topic === "Node" ? "" : Topic === "Variable" ? `${Namespace}/${Key}` : Namespace;
  return need !== undefined && access.allows(...need, name);
}

/** All topics at once are for management tokens; of others each is asked for by name. Throws a 403. */
function demandTopics(access: Access, topics: readonly string[], namespace: string): void {
  if (access.isManagement) return;
  const names = (topics.length === 0 ? ["*"] : topics).map((topic) => topic.split(":")[0] ?? "");
  const isAllowed = names.every((name) => {
    const need = needOf(name);
    if (need === undefined) return false;
    const [resource, capability] = need;
    if (resource !== "namespace" || namespace === "*") return access.allowsSome(resource, capability);
    return access.allows(resource, capability, namespace === "" ? "default" : namespace);
  });
  if (!isAllowed) throw new HttpError(403, PERMISSION_DENIED);
}
