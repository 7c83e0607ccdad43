import * as v from "valibot";
import type { ApiResult } from "#base/client/api-caller.ts";
import { textOf } from "#base/env/bytes.ts";
import { messageOf } from "#base/env/errors.ts";
import { errorOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { redacted } from "./redact.ts";
import { redactedText } from "./redact-text.ts";

/** Of a log or a stream of events: more is left out. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;

/** A route's answer without secrets, or its error, as JSON. */
export async function askedFor({ nomad }: NomadSession, path: string): Promise<string> {
  return written(await nomad.call({ path, query: { namespace: "*" }, schema: v.unknown() }));
}

function written(answer: ApiResult<unknown>): string {
  const value = answer.ok ? redacted(answer.value.value) : { error: redactedText(answer.error.message) };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** How the firmware of each node stands that runs it, by the names of their files. */
export async function firmwares({ nomad }: NomadSession): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const nodes = await nomad.nodes.list();
  if (!nodes.ok) return files;
  const ask = async (node: string): Promise<void> => {
    const path = "/v1/client/firmware";
    const answer = await nomad.call({ path, query: { node_id: node }, schema: v.unknown(), timeoutMs: 10_000 });
    if (answer.ok || answer.error.code !== "missing") files.set(`client/firmware/${node}.json`, written(answer));
  };
  await Promise.all(nodes.value.value.map(async ({ ID }) => ask(ID)));
  return files;
}

type Streamed = Parameters<NomadSession["nomad"]["stream"]>[0];

interface Recording extends Pick<Streamed, "path" | "query"> {
  readonly ms: number;
  /** Of each line what may be shown. */
  readonly clean: (line: string) => string;
}

/** What a route streams in this time, without secrets. */
export async function recorded({ nomad, env }: NomadSession, { ms, clean, ...call }: Recording): Promise<string> {
  const stop = new AbortController();
  const timer = env.clock.after(ms, () => stop.abort());
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let end = "";
  try {
    const answer = await nomad.stream({ ...call, signal: stop.signal });
    if (!answer.ok) return `${errorOf(answer.error).message}\n`;
    for await (const chunk of answer.value.body) {
      bytes += chunk.length;
      if (bytes > MAX_STREAM_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    if (!stop.signal.aborted) end = `\nthe stream broke off: ${messageOf(error)}\n`;
  } finally {
    timer.cancel();
  }
  return textOf(Buffer.concat(chunks)).split("\n").map(clean).join("\n") + end;
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
