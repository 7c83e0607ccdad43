import { createHash } from "node:crypto";
import { sleep, type Clock } from "#base/env/clock.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Random } from "#base/env/random.ts";
import type { RetryPolicy } from "../engine/retry.ts";
import type { Sink } from "../engine/source.ts";
import type { SourceRequest } from "../dependencies/request.ts";
import { Attempts } from "./attempts.ts";
import { refusalOf, type ApiAnswer, type HttpApi } from "./http-api.ts";

export interface BlockingOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly api: HttpApi;
  /** `consul` or `nomad`: the headers begin with it. */
  readonly product: "consul" | "nomad";
  readonly retry: RetryPolicy;
  /** Above 0: any server may answer whose data is at most this old. */
  readonly maxStaleMs: number;
  /** How long one query waits for a change. */
  readonly waitMs: number;
  /** Sent with every query unless it names its own. */
  readonly query?: SourceRequest["query"];
}

export interface BlockingQuery<V> {
  readonly request: SourceRequest;
  /** Reads a body; undefined: nothing is there (404). Throws when it has another shape. Undefined: that is no answer yet. */
  readonly read: (body: string | undefined) => V | undefined;
}

/** Between the beginnings of two queries, so that a key that changes all the time is not all we do. */
const MIN_INTERVAL_MS = 100;
/** Between two answers of an endpoint that cannot wait. */
const POLL_MS = 15_000;
/** Beyond a query's own wait and its jitter of a sixteenth, the answer is late. */
const GRACE_MS = 10_000;
const UNBLOCKED_TIMEOUT_MS = 60_000;

/** Follows one blocking query (https://developer.hashicorp.com/consul/api-docs/features/blocking) until the signal aborts or it gives up. */
export async function followQuery<V>(
  query: BlockingQuery<V>,
  options: BlockingOptions & { readonly sink: Sink<V> },
  signal: AbortSignal,
): Promise<void> {
  const { clock, sink } = options;
  const attempts = new Attempts(options.retry);
  let index = 0;
  let last: string | undefined;
  while (!signal.aborted) {
    const begunMs = clock.monotonicMs();
    const answer = await ask(query, { ...options, index, signal });
    if (signal.aborted) return;
    if (!answer.ok) {
      const retryMs = attempts.failed();
      sink.failed(answer.error.message, retryMs);
      if (retryMs === undefined) return;
      await sleep(clock, retryMs, signal);
      continue;
    }
    attempts.succeeded();
    const { mark, value } = answer.value;
    // An index that went backwards: the state was restored, waiting for the old one would be for ever.
    index = answer.value.index < index ? 0 : answer.value.index;
    if (mark !== last && value !== undefined) sink.value(value);
    last = mark;
    const pauseMs = query.request.blocks && index > 0 ? MIN_INTERVAL_MS - (clock.monotonicMs() - begunMs) : POLL_MS;
    if (pauseMs > 0) await sleep(clock, pauseMs, signal);
  }
}

interface Answered<V> {
  readonly index: number;
  /** Tells an answer from the one before, without keeping it. */
  readonly mark: string;
  readonly value: V | undefined;
}

type Asking = BlockingOptions & { readonly index: number; readonly signal: AbortSignal };

async function ask<V>({ request, read }: BlockingQuery<V>, asking: Asking): Promise<Result<Answered<V>>> {
  const { product, maxStaleMs } = asking;
  let sent = await send(request, asking, maxStaleMs > 0);
  // Nobody leads, or too old: only the leader will do.
  if (sent.ok && maxStaleMs > 0 && isTooOld(sent.value, product, maxStaleMs)) sent = await send(request, asking, false);
  if (!sent.ok) return sent;
  const { status, text, headers } = sent.value;
  const index = Number(headers[`x-${product}-index`] ?? "0");
  if (status !== 404 && (status < 200 || status > 299)) return fail("refused", refusalOf(product, sent.value));
  const body = status === 404 ? undefined : text;
  try {
    const mark = `${status} ${createHash("sha1").update(text).digest("base64")}`;
    return succeed({ index: Number.isFinite(index) ? index : 0, mark, value: read(body) });
  } catch (thrown) {
    return fail(
      "unexpected",
      `${product} answered ${request.path} with something else than documented: ${messageOf(thrown)}`,
    );
  }
}

function send(request: SourceRequest, asking: Asking, stale: boolean): Promise<Result<ApiAnswer>> {
  const { api, index, waitMs, signal, query } = asking;
  const waits = request.blocks && index > 0;
  const block = waits ? { index, wait: `${Math.round(waitMs)}ms` } : {};
  const timeoutMs = waits ? waitMs * (17 / 16) + GRACE_MS : UNBLOCKED_TIMEOUT_MS;
  const given = Object.fromEntries(Object.entries(request.query).filter(([, value]) => value !== undefined));
  return api.send({ path: request.path, query: { ...query, ...given, ...block, stale }, signal, timeoutMs });
}

function isTooOld({ headers }: ApiAnswer, product: string, maxStaleMs: number): boolean {
  if (headers[`x-${product}-knownleader`] === "false") return true;
  return Number(headers[`x-${product}-lastcontact`] ?? "0") > maxStaleMs;
}
