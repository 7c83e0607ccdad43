import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError } from "#base/env/errors.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import type { HttpRequestOptions, HttpResponse, HttpUpgrade } from "#base/env/http-client.ts";

export interface EngineCall {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Without the version, with the query. */
  readonly path: string;
  readonly body?: unknown;
  /** A tar archive, instead of a body in JSON. */
  readonly archive?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 60 000; 0 waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** `status` and the parsed body; for errors the engine's own words. */
export interface EngineAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly value: unknown;
  readonly message: string;
}

/** https://docs.docker.com/reference/api/engine/ */
export interface Engine {
  /** Rejects with {@link EngineAway} when no engine answers. */
  call(request: EngineCall): Promise<EngineAnswer>;
  /** A body that is read as it comes, on a connection of its own. */
  stream(request: EngineCall): Promise<HttpResponse>;
  upgrade(request: EngineCall): Promise<HttpUpgrade>;
  /** The newest API version both sides know; until it is known, the engine's default is used. */
  useVersion(offered: string): void;
  readonly address: string;
}

/** The engine cannot be reached: it is not running, or starting anew. */
export class EngineAway extends CodedError {
  constructor(address: string, cause: string) {
    super(
      "ENGINE_AWAY",
      `cannot reach the Docker engine at ${address}: ${cause}`,
      "is dockerd running, and may this user open its socket?",
    );
    this.name = "EngineAway";
  }
}

export const DEFAULT_ENDPOINT = "unix:///var/run/docker.sock";
/** The newest version whose answers this driver was written for. */
const NEWEST: readonly [number, number] = [1, 47];
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** In PEM; empty: the system's, or none. */
export interface EngineTlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** `endpoint` as in DOCKER_HOST: `unix:///path` or `tcp://host:port`; with `files` that is spoken to in TLS. */
export function createEngine(env: Env, endpoint: string, files?: EngineTlsFiles): Engine {
  let version = "";
  const [base, socketPath] = targetOf(endpoint, files !== undefined);
  const readTls = tlsOf(env, endpoint, files);
  const optionsOf = async (request: EngineCall): Promise<HttpRequestOptions> => ({
    ...(await readTls()),
    url: `${base}${version}${request.path}`,
    method: request.method ?? "GET",
    headers: {
      ...(request.body === undefined ? {} : { "content-type": "application/json" }),
      ...(request.archive === undefined ? {} : { "content-type": "application/x-tar" }),
      ...request.headers,
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    ...(request.archive === undefined ? {} : { body: request.archive }),
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const reach = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof HttpTransportError && thrown.code !== "ABORTED")
        throw new EngineAway(endpoint, thrown.code);
      throw thrown;
    }
  };
  return {
    address: endpoint,
    call: (request) =>
      reach(async () => {
        const response = await env.http.request(await optionsOf(request));
        return answerOf(response.status, await response.bytes(MAX_ANSWER_BYTES));
      }),
    stream: (request) =>
      reach(async () =>
        env.http.request(await optionsOf({ ...request, headers: { ...request.headers, ...OWN_CONNECTION } })),
      ),
    upgrade: (request) =>
      reach(async () =>
        env.http.upgrade(await optionsOf({ ...request, headers: { ...request.headers, ...OWN_CONNECTION } })),
      ),
    useVersion(offered) {
      const [major, minor] = offered.split(".").map(Number);
      if (major === undefined || minor === undefined || Number.isNaN(major + minor)) return;
      const newer = major > NEWEST[0] || (major === NEWEST[0] && minor > NEWEST[1]);
      version = newer ? `/v${NEWEST.join(".")}` : `/v${major}.${minor}`;
    },
  };
}

/** Long streams must not use up the pool of shared connections; the engine ignores the offer where it does not fit. */
const OWN_CONNECTION = { connection: "Upgrade", upgrade: "tcp" };

function targetOf(endpoint: string, isTls: boolean): readonly [base: string, socketPath: string | undefined] {
  if (endpoint.startsWith("unix://")) return ["http://docker", endpoint.slice("unix://".length)];
  return [endpoint.replace(/^tcp:/, isTls ? "https:" : "http:").replace(/\/$/, ""), undefined];
}

/** Read with the first request, and again with each until they can be read. */
function tlsOf(
  { disk }: Pick<Env, "disk">,
  endpoint: string,
  files: EngineTlsFiles | undefined,
): () => Promise<Pick<HttpRequestOptions, "tls">> {
  let known: Pick<HttpRequestOptions, "tls"> | undefined;
  return async () => {
    if (files === undefined || endpoint.startsWith("unix:")) return {};
    if (known !== undefined) return known;
    const read = async (name: keyof EngineTlsFiles): Promise<Readonly<Record<string, string>>> => {
      if (files[name] === "") return {};
      const bytes = await disk.read(files[name]);
      if (bytes === undefined) throw new EngineAway(endpoint, `its tls { ${name} } ${files[name]} does not exist`);
      return { [name]: textOf(bytes) };
    };
    return (known = { tls: { ...(await read("cert")), ...(await read("key")), ...(await read("ca")) } });
  };
}

const ErrorSchema = v.object({ message: v.string() });

function answerOf(status: number, bytes: Uint8Array): EngineAnswer {
  const value = parseJson(textOf(bytes));
  const ok = status >= 200 && status < 300;
  const error = v.safeParse(ErrorSchema, value);
  return { status, ok, value, message: error.success ? error.output.message : ok ? "" : `HTTP ${status}` };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
