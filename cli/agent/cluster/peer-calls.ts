import * as v from "valibot";
import type { Clock } from "#base/env/clock.ts";
import { sleep } from "#base/env/clock.ts";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { HttpClient } from "#base/env/http-client.ts";
import type { TlsOptions } from "#base/env/net.ts";
import type { Exchange, ExchangeRequest, ExchangeResponse } from "#base/http/exchange.ts";
import { INTERNAL } from "#daemons/cluster/calls.ts";
import { peerOf } from "#daemons/cluster/names.ts";

const MAX_BYTES = 4096;
const PREFIX = `${INTERNAL}/leader/`;
const RENEW = `${PREFIX}renew-node`;
const PRESENCE = `${PREFIX}presence`;
/** A leader shows that it lives this often, and is taken for dead after so many times of silence. */
const BEAT_MS = 500;
const SILENCE_MS = 2000;
const RENEW_MS = 5000;

const RenewSchema = v.object({ nodeId: v.string() });
const TtlSchema = v.object({ ttlMs: v.number() });

/** A server's internal API, and what both sides prove each other there. */
export interface PeerPlace {
  /** `https://host:port` */
  readonly origin: string;
  readonly tls: TlsOptions;
}

/** Tells the leader that a node lives; resolves with the TTL in milliseconds. */
export async function renewAtLeader(http: HttpClient, { origin, tls }: PeerPlace, nodeId: string): Promise<number> {
  const url = `${origin}${RENEW}`;
  const body = JSON.stringify({ nodeId });
  const response = await http.request({ url, tls, method: "PUT", body, timeoutMs: RENEW_MS });
  const text = await response.text(MAX_BYTES);
  if (response.status !== 200) throw new CodedError("no_leader", `the leader at ${origin} refuses: ${text}`, "");
  return v.parse(TtlSchema, JSON.parse(text)).ttlMs;
}

export interface PresenceDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  /** By how much this server's clock is ahead of the leader's; below 0: behind. */
  readonly onClock: (aheadMs: number) => void;
}

/**
 * Holds a connection to the leader until it ends, cannot be had or falls silent, which is as good as certain to mean that it
 * is gone: a wrong guess costs a change of leader and nothing else. Resolves with what happened; empty: it says itself that it
 * does not lead.
 */
export async function watchPresence(
  { http, clock, onClock }: PresenceDeps,
  { origin, tls }: PeerPlace,
  signal: AbortSignal,
): Promise<string> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  signal.addEventListener("abort", stop, { once: true });
  let isSilent = false;
  const onSilence = (): void => {
    isSilent = true;
    end.abort();
  };
  let timer = clock.after(SILENCE_MS, onSilence);
  try {
    const response = await http.request({ url: `${origin}${PRESENCE}`, tls, signal: end.signal, timeoutMs: 0 });
    if (response.status !== 200) {
      response.abandon();
      return "";
    }
    for await (const beat of response.body) {
      if (beat.length === 0) continue;
      timer.cancel();
      timer = clock.after(SILENCE_MS, onSilence);
      const theirMs = Number(textOf(beat).trim().split("\n").at(-1));
      if (theirMs > 0) onClock(clock.nowMs() - theirMs);
    }
    return "it ended the connection";
  } catch (thrown) {
    return isSilent ? `it said nothing for ${SILENCE_MS} ms` : messageOf(thrown);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", stop);
  }
}

export interface PeerAnswers {
  readonly clock: Clock;
  readonly isLeader: () => boolean;
  readonly renew: (nodeId: string) => number | Promise<number>;
}

/** Answers what servers ask each other, on the internal API, and leaves everything else to `exchange`. */
export function answeringPeers(exchange: Exchange, answers: PeerAnswers): Exchange {
  return async (request) => {
    if (!request.url.startsWith(PREFIX)) return exchange(request);
    if (peerOf(request.peer)?.role !== "server") return refusal(403, "only the cluster's servers ask this");
    if (!answers.isLeader()) return refusal(421, "this server does not lead");
    if (request.url === RENEW && request.method === "PUT") return renew(request, answers);
    if (request.url === PRESENCE) return { status: 200, headers: {}, body: beats(request.signal, answers) };
    return exchange(request);
  };
}

async function renew(request: ExchangeRequest, answers: PeerAnswers): Promise<ExchangeResponse> {
  const read = v.safeParse(RenewSchema, jsonOf(await readBody(request)));
  if (!read.success) return refusal(400, 'expected {"nodeId": "…"}');
  const ttlMs = await answers.renew(read.output.nodeId);
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ ttlMs }) };
}

async function readBody({ body }: ExchangeRequest): Promise<string> {
  let text = "";
  for await (const chunk of body) {
    text += textOf(chunk);
    if (text.length > MAX_BYTES) return "";
  }
  return text;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Each tells what time it is there. */
async function* beats(signal: AbortSignal, { clock, isLeader }: PeerAnswers): AsyncIterable<Uint8Array> {
  while (isLeader() && !signal.aborted) {
    yield utf8(`${clock.nowMs()}\n`);
    await sleep(clock, BEAT_MS, signal);
  }
}

function refusal(status: number, body: string): ExchangeResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${body}\n` };
}
