import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { messageOf } from "#base/env/errors.ts";
import { errorOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { redacted } from "./redact.ts";

/** Of a log or a stream of events: more is left out. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;

/** A route's answer without secrets, or its error, as JSON. */
export async function askedFor({ nomad }: NomadSession, path: string): Promise<string> {
  const answer = await nomad.call({ path, query: { namespace: "*" }, schema: v.unknown() });
  const value = answer.ok ? redacted(answer.value.value) : { error: answer.error.message };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

type Streamed = Parameters<NomadSession["nomad"]["stream"]>[0];

/** What a route streams in this time. */
export async function recorded(
  { nomad, env }: NomadSession,
  { ms, ...call }: Pick<Streamed, "path" | "query"> & { readonly ms: number },
): Promise<string> {
  const stop = new AbortController();
  const timer = env.clock.after(ms, () => stop.abort());
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const answer = await nomad.stream({ ...call, signal: stop.signal });
    if (!answer.ok) return `${errorOf(answer.error).message}\n`;
    for await (const chunk of answer.value.body) {
      bytes += chunk.length;
      if (bytes > MAX_STREAM_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    if (!stop.signal.aborted) chunks.push(Buffer.from(`the stream broke off: ${messageOf(error)}\n`));
  } finally {
    timer.cancel();
  }
  return textOf(Buffer.concat(chunks));
}

const PROFILES = {
  profile: "profile.cpuprofile",
  heap: "heap.heapprofile",
  goroutine: "goroutine.txt",
} as const;

/** Profiles of the process, by the names of their files; none where the agent gives none. */
export async function profiled(session: NomadSession, ms: number): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [profile, file] of Object.entries(PROFILES)) {
    const path = `/v1/agent/pprof/${profile}`;
    const stream = await session.nomad.stream({ path, query: { seconds: Math.max(1, Math.round(ms / 1000)) } });
    if (!stream.ok) return files;
    const parts: Uint8Array[] = [];
    for await (const chunk of stream.value.body) parts.push(chunk);
    files.set(file, textOf(Buffer.concat(parts)));
  }
  return files;
}
