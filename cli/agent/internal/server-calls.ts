import * as v from "valibot";
import type { Clock } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import type { AccessPolicy } from "#base/http/access.ts";
import { INTERNAL } from "#daemons/cluster/calls.ts";
import type { ServerSet } from "#daemons/cluster/server-set.ts";
import type { CatalogCalls } from "#daemons/discovery/remote/catalog-store.ts";
import { CATALOG_PATHS } from "#daemons/discovery/remote/catalog-wire.ts";
import type { CallServer, OpenAtServer } from "#daemons/scheduler/client/link-remote.ts";
import { AccessAnswerSchema, accessFrom } from "#daemons/scheduler/server/acl/access-wire.ts";

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const CALL_MS = 10_000;
/** Tokens whose rights are remembered. */
const MAX_TOKENS = 1000;
const MAX_LINE_CHARS = 64 * 1024 * 1024;

/** A call of the internal API. Rejects when no server answers, or the one that did refuses. */
export function callServers(set: ServerSet): CallServer {
  return async ({ path, body, signal, timeoutMs }) => {
    const response = await set.request({
      path: `${INTERNAL}${path}`,
      method: "PUT",
      body: JSON.stringify(body),
      timeoutMs,
      // Each says how things stand, and may be said twice.
      repeatable: true,
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text(MAX_ANSWER_BYTES);
    if (response.status !== 200) throw new CodedError("refused", `a server refuses ${path}: ${text.trim()}`);
    return text;
  };
}

/** A call whose answer is read as it comes. */
export function openAtServers(set: ServerSet): OpenAtServer {
  return (path, signal) => set.request({ path: `${INTERNAL}${path}`, signal, timeoutMs: OPEN_MS, repeatable: true });
}

const OPEN_MS = 30_000;
const WrittenSchema = v.object({ revision: v.number() });

export function catalogCalls(set: ServerSet, call: CallServer): CatalogCalls {
  return {
    async *stream(after, signal) {
      const path = `${INTERNAL}${CATALOG_PATHS.stream}?after=${after}`;
      const response = await set.request({ path, signal, timeoutMs: CALL_MS, repeatable: true });
      if (response.status !== 200)
        throw new CodedError("refused", `a server refuses the catalog: ${(await response.text()).trim()}`);
      yield* linesOf(response.body);
    },
    write: async (write) => {
      const text = await call({ path: CATALOG_PATHS.write, body: write, timeoutMs: CALL_MS });
      return v.parse(WrittenSchema, JSON.parse(text)).revision;
    },
  };
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    rest += decoder.decode(part, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE_CHARS) throw new CodedError("bad_answer", "a line of the catalog is too long");
    yield* lines;
  }
}

/** What tokens may do, as servers say, remembered for `ttlMs`. */
export function remoteAccess(
  call: CallServer,
  { clock, ttlMs }: { readonly clock: Clock; readonly ttlMs: number },
): AccessPolicy {
  const known = new Map<string, { readonly untilMs: number; readonly access: ReturnType<typeof accessFrom> }>();
  return async (token) => {
    const nowMs = clock.monotonicMs();
    const before = known.get(token);
    if (before !== undefined && before.untilMs > nowMs) return before.access;
    const text = await call({ path: "/access", body: { token }, timeoutMs: CALL_MS });
    const access = accessFrom(v.parse(AccessAnswerSchema, JSON.parse(text)));
    if (known.size >= MAX_TOKENS) known.clear();
    known.set(token, { untilMs: nowMs + ttlMs, access });
    return access;
  };
}
