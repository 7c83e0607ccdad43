import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { createEnv } from "#base/platform/create-env.ts";
import { dnsRole } from "#cli/role/dns.ts";
import { a, ask, startUpstream } from "../world.ts";
import { freePort } from "#test/free-ports.ts";

export interface Answer {
  readonly status: number;
  /** Undefined where it is no JSON. */
  readonly json: unknown;
  readonly bytes: Uint8Array;
  readonly headers: Headers;
}

export interface ApiWorld {
  readonly url: string;
  /** Of every address the API is served at, in the order of the settings, HTTPS last. */
  readonly apiPorts: readonly number[];
  readonly folder: string;
  readonly port: number;
  ask: (name: string, type?: number) => Promise<unknown>;
  call(
    method: string,
    path: string,
    more?: { readonly body?: unknown; readonly headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Settings as they are on the disk after a change. */
  saved(): Promise<unknown>;
}

/** The role `dns` as a program would run it, on free ports of loopback; `task`: more of its environment. */
export async function startApi(
  t: ExecutionContext,
  settings: Record<string, unknown> = {},
  task: Readonly<Record<string, string>> = {},
): Promise<ApiWorld> {
  const upstream = await startUpstream(t, (name) => ({ answers: [a(name, "203.0.113.7")] }));
  const folder = await mkdtemp(join(tmpdir(), "lares-dns-api-"));
  const config = join(folder, "dns.json");
  const whole = {
    listen: { addresses: [`127.0.0.1:${await freePort()}`] },
    upstream: { servers: [upstream.address] },
    lists: [{ id: 1, url: "sample:ads" }],
    api: { addresses: ["127.0.0.1:0"] },
    ...settings,
  };
  await writeFile(config, JSON.stringify(whole));
  const env = createEnv({ logToStderr: false });
  const started = await dnsRole(env, { LARES_DNS_DIR: join(folder, "data"), LARES_DNS_CONFIG: config, ...task });
  if (!started.ok) throw new Error(started.error.message);
  t.teardown(async () => {
    await started.value.stop();
    env.close();
    await rm(folder, { recursive: true });
  });
  const port = started.value.dnsAddresses[0]?.port ?? 0;
  const url = `http://127.0.0.1:${started.value.apiAddresses[0]?.port}`;
  // Lists come into use a moment after the start.
  for (;;) {
    const metrics = new TextDecoder().decode((await call(`${url}/metrics`, "GET", {})).bytes);
    if (!metrics.includes("lares_dns_blocked_names 0\n")) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    apiPorts: started.value.apiAddresses.map((address) => address.port),
    folder,
    port,
    ask: (name, type) => ask(port, name, type),
    call: (method, path, more = {}) => call(`${url}${path}`, method, more),
    saved: async () => JSON.parse(await readFile(join(folder, "data/settings.json"), "utf8")),
  };
}

async function call(
  url: string,
  method: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Record<string, string> },
): Promise<Answer> {
  const isRaw = body instanceof Uint8Array || typeof body === "string" || body instanceof FormData;
  const sent = body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) };
  const response = await fetch(url, { method, headers, ...sent });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    bytes,
    headers: response.headers,
    json: isJson ? JSON.parse(new TextDecoder().decode(bytes)) : undefined,
  };
}
