import type { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import { connect } from "node:tls";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "#test/free-ports.ts";
import type { Instance } from "#base/client/templates/dependency.ts";
import type { BlockingGet } from "#base/client/templates/watch.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { startIngress, type Ingress } from "#ingress/controller.ts";
import type { IngressOptions } from "#ingress/ingress-options.ts";
import { ask as askSocket } from "#ingress/haproxy/socket.ts";
import { dataOf, instance } from "./catalog.ts";

/** A catalog that answers blocking queries, as the HTTP API would. */
export class Catalog {
  #index = 1;
  #services: Readonly<Record<string, readonly string[]>> = {};
  #byName: ReadonlyMap<string, readonly Instance[]> = new Map();
  readonly #wake = new Set<() => void>();

  set(instances: readonly Instance[]): void {
    this.#index += 1;
    this.#services = dataOf(instances).services();
    this.#byName = Map.groupBy(instances, ({ name }) => name);
    for (const wake of this.#wake) wake();
    this.#wake.clear();
  }

  readonly values = new Map<string, string>();

  pairs(key: string, recurse: boolean): unknown {
    const found = [...this.values].filter(([name]) => (recurse ? name.startsWith(key) : name === key));
    if (found.length === 0) return undefined;
    return found.map(([Key, value]) => ({ Key, Value: Buffer.from(value).toString("base64") }));
  }

  get: BlockingGet = async ({ path, index, signal }) => {
    while (index >= this.#index && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake.add(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const name = /^\/v1\/health\/service\/([^?]*)/.exec(path)?.[1];
    const key = /^\/v1\/kv\/([^?]*)/.exec(path)?.[1];
    if (key !== undefined) return { index: this.#index, value: this.pairs(key, path.includes("recurse")) };
    const value =
      name === undefined
        ? this.#services
        : (this.#byName.get(decodeURIComponent(name)) ?? [])
            .filter(({ passing }) => passing || !path.includes("passing=1"))
            .map((one) => ({
              Node: { Node: one.node, Address: "127.0.0.1" },
              Service: {
                ID: one.id,
                Service: one.name,
                Tags: one.tags,
                Address: one.address,
                Port: one.port,
                Meta: one.meta,
                CreateIndex: one.createIndex,
              },
              Checks: [{ CheckID: "c", Status: one.passing ? "passing" : "critical", Output: "" }],
            }));
    return { index: this.#index, value };
  };
}

export async function site(text: string): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, server };
}

export const ask = async (port: number, path: string): Promise<string> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    return `${response.status} ${(await response.text()).trim()}`;
  } catch (error) {
    return String(error);
  }
};

export async function until(what: string, holds: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The certificate a TLS client is shown for a name; undefined: no such handshake. */
export function shown(port: number, servername: string): Promise<X509Certificate | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate());
      socket.destroy();
    });
    socket.on("error", () => resolve(undefined));
    socket.setTimeout(20_000, () => socket.destroy(new Error("late")));
  });
}

export interface Live {
  readonly catalog: Catalog;
  readonly port: number;
  readonly dir: string;
  readonly ingress: Ingress;
  socket(command: string): Promise<string>;
  remove(): Promise<void>;
}

export async function live(options: Partial<IngressOptions> = {}): Promise<Live> {
  const env = createEnv({ logToStderr: process.env["DEBUG_INGRESS"] !== undefined });
  const dir = mkdtempSync(join(tmpdir(), "lares-ingress-"));
  const [catalog, port] = [new Catalog(), await freePort()];
  const haproxyProgram = (await env.exec.find("haproxy")) ?? "";
  const ingress = startIngress({
    env,
    get: catalog.get,
    haproxyProgram,
    dir,
    host: "127.0.0.1",
    port,
    accessLog: { appendTo: join(dir, "access.log") },
    ...options,
  });
  return {
    catalog,
    port,
    dir,
    ingress,
    socket: async (command) => {
      const answer = await askSocket({ net: env.net, clock: env.clock, path: join(dir, "haproxy.sock") }, command);
      return answer.ok ? answer.value : answer.error.message;
    },
    remove: async () => {
      await ingress.stop();
      env.close();
      rmSync(dir, { recursive: true });
    },
  };
}

export const at = (name: string, port: number, tags: readonly string[]): Instance => ({
  ...instance(name, port, tags),
  port,
});
