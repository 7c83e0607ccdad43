import { concatBytes, textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { HttpResponse } from "#base/env/http-client.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Probe } from "./probe.ts";

type HttpProbe = Extract<Probe, { kind: "http" }>;

const MAX_REDIRECTS = 10;

interface Limits {
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  readonly signal: AbortSignal;
}

/** 2xx passes, 429 warns, everything else is critical. The time limit covers headers, redirects and body together. */
export async function probeHttp(
  env: Env,
  probe: HttpProbe,
  limits: Limits,
): Promise<{ readonly status: CheckStatus; readonly output: string }> {
  const giveUp = new AbortController();
  const timer = env.clock.after(limits.timeoutMs, () => giveUp.abort());
  const signal = AbortSignal.any([giveUp.signal, limits.signal]);
  try {
    const response = await requestFollowing(env, probe, { timeoutMs: limits.timeoutMs, signal });
    const body = await readStart(response, limits.maxOutputBytes, signal);
    const output = `HTTP ${probe.method} ${probe.url}: ${response.status} Output: ${body}`;
    if (response.status >= 200 && response.status < 300) return { status: "passing", output };
    return { status: response.status === 429 ? "warning" : "critical", output };
  } catch (thrown) {
    if (giveUp.signal.aborted) {
      return {
        status: "critical",
        output: `HTTP ${probe.method} ${probe.url}: no answer within ${limits.timeoutMs} ms`,
      };
    }
    throw thrown;
  } finally {
    timer.cancel();
  }
}

async function requestFollowing(
  env: Env,
  probe: HttpProbe,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<HttpResponse> {
  const headers = Object.fromEntries([
    ["user-agent", "Consul Health Check"],
    ["accept", "text/plain, text/*, */*"],
    ...Object.entries(probe.headers),
  ]);
  const tls = { verify: probe.verifyTls, ...(probe.serverName === "" ? {} : { serverName: probe.serverName }) };
  let { url, method, body } = probe;
  for (let hops = 0; ; hops++) {
    const response = await env.http.request({
      url,
      method,
      headers,
      timeoutMs,
      signal,
      tls,
      ...(body === "" ? {} : { body }),
    });
    const location = response.headers["location"];
    const redirected = probe.followRedirects && [301, 302, 303, 307, 308].includes(response.status);
    const next = redirected && location !== undefined ? URL.parse(location, url) : null;
    if (next === null) return response;
    response.abandon();
    if (hops >= MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects, the last to ${next.href}`);
    url = next.href;
    if (response.status < 307 && method !== "HEAD") [method, body] = ["GET", ""];
  }
}

/** As much of the body as is kept; the rest is not read. */
async function readStart(response: HttpResponse, maxBytes: number, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const drop = (): void => response.abandon();
  signal.addEventListener("abort", drop, { once: true });
  try {
    for await (const part of response.body) {
      parts.push(part);
      size += part.length;
      if (size >= maxBytes) break;
    }
  } finally {
    signal.removeEventListener("abort", drop);
    if (size >= maxBytes) response.abandon();
  }
  if (signal.aborted) throw new Error("aborted while the body was read");
  return textOf(concatBytes(parts).subarray(0, maxBytes));
}
