import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ConsulDependency } from "../dependencies/dependency.ts";
import { consulRequest, type SourceRequest } from "../dependencies/request.ts";
import type { Sink, Source } from "../engine/source.ts";
import { Attempts } from "./attempts.ts";
import { followQuery, type BlockingOptions } from "./blocking.ts";
import { refusalOf } from "./http-api.ts";
import { sleep } from "#base/env/clock.ts";

/** Makes a value of an answer's body; `undefined`: nothing is there. Throws when it has another shape. */
export type ReadAnswer<D, V> = (dependency: D, body: string | undefined) => V;

export interface ConsulSourceOptions<V> extends BlockingOptions {
  readonly read: ReadAnswer<ConsulDependency, V>;
  /** Whether a value says that there is nothing. */
  readonly isNothing: (value: V) => boolean;
}

const TIMEOUT_MS = 60_000;

/** Consul's catalog, health, keys and certificates. */
export function createConsulSource<V>(options: ConsulSourceOptions<V>): Source<ConsulDependency, V> {
  return {
    async follow(dependency, sink, signal) {
      const request = await requestOf(dependency, { options, sink, signal });
      if (request === undefined) return;
      const waits = dependency.kind === "kv.get" && dependency.block;
      const read = (body: string | undefined): V | undefined => {
        const value = options.read(dependency, body);
        return waits && options.isNothing(value) ? undefined : value;
      };
      await followQuery({ request, read }, { ...options, sink }, signal);
    },
  };
}

interface Asking<V> {
  readonly options: ConsulSourceOptions<V>;
  readonly sink: Sink<V>;
  readonly signal: AbortSignal;
}

/** The agent's own node has to be known before it can be asked for. */
async function requestOf<V>(
  dependency: ConsulDependency,
  { options, sink, signal }: Asking<V>,
): Promise<SourceRequest | undefined> {
  if (dependency.kind !== "catalog.node" || dependency.name !== "") return consulRequest(dependency);
  const attempts = new Attempts(options.retry);
  while (!signal.aborted) {
    const node = await ownNode(options, signal);
    if (node.ok) return consulRequest(dependency, node.value);
    if (signal.aborted) return undefined;
    const retryMs = attempts.failed();
    sink.failed(node.error.message, retryMs);
    if (retryMs === undefined) return undefined;
    await sleep(options.clock, retryMs, signal);
  }
  return undefined;
}

async function ownNode<V>({ api }: ConsulSourceOptions<V>, signal: AbortSignal): Promise<Result<string>> {
  const answer = await api.send({ path: "/v1/agent/self", signal, timeoutMs: TIMEOUT_MS });
  if (!answer.ok) return answer;
  if (answer.value.status !== 200) return fail("refused", refusalOf("consul", answer.value));
  const name = /"NodeName"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(answer.value.text)?.[1];
  const read: unknown = name === undefined ? undefined : JSON.parse(name);
  return typeof read === "string" ? succeed(read) : fail("unexpected", "consul's /v1/agent/self names no node");
}
