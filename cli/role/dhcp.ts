import * as v from "valibot";
import { parseAddress } from "#base/client/address.ts";
import { createConsulClient, type ConsulClient, type ConsulRead } from "#base/client/consul-client.ts";
import { textOf } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { Address } from "#base/env/net.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { releaseMemoryWhenIdle } from "#base/platform/idle-memory.ts";
import { systemGroupSockets } from "#base/platform/group-sockets.ts";
import { listenHttp, type HttpListener } from "#base/platform/http-listener.ts";
import { createLan } from "#base/platform/lan.ts";
import { createDhcp, type DhcpDeps } from "#daemons/dhcp/create-dhcp.ts";
import { createDhcp6 } from "#daemons/dhcp/v6/create-dhcp6.ts";
import type { DhcpServer6 } from "#daemons/dhcp/v6/server.ts";
import { prometheusText } from "#daemons/dhcp/server/prometheus.ts";
import type { DhcpServer } from "#daemons/dhcp/server/dhcp-server.ts";
import {
  CONFIG_KEY,
  RESERVATIONS,
  SETTINGS,
  settingsFrom,
  type SettingsSource,
} from "#daemons/dhcp/settings/shared-settings.ts";
import { createSharedKv } from "#daemons/dhcp/share/kv.ts";
import type { Role } from "./role.ts";

type Task = Readonly<Record<string, string>>;

const LastSchema = v.object({ config: v.string(), reservations: v.array(v.string()) });

const RETRY_MS = 2000;
const FIRST_READ_MS = 3000;
/** Settings are looked at this often; they change when a person changes them. */
const WAIT_MS = 300_000;
const PAUSE_MS = 1000;

/**
 * The DHCP server. Its settings are the cluster's key `lares/dhcp/settings/config`, else the file `LARES_DHCP_CONFIG` names (JSON), or
 * `dhcp.json` in its task's folder; leases are kept in `LARES_DHCP_DIR`, or below the folder its group's tasks share, and
 * shared through the task's API socket (or `LARES_DHCP_CLUSTER`, an address) where there is one.
 */
export async function dhcpRole(env: Env, task: Task): Promise<Result<Role>> {
  const shared = task["NOMAD_ALLOC_DIR"];
  const dir = task["LARES_DHCP_DIR"] ?? (shared === undefined ? undefined : `${shared}/data/dhcp`);
  if (dir === undefined)
    return fail("dhcp_environment", "the DHCP server was not told where to keep leases", "set LARES_DHCP_DIR=FOLDER");
  const consul = consulOf(env, task);
  if (!consul.ok) return consul;
  const port = task["LARES_DHCP_PORT"];
  const role = new DhcpRole({
    env,
    task,
    dir,
    consul: consul.value,
    lan: createLan({ clock: env.clock, net: env.net, ffi: task["LARES_DHCP_FFI"] !== "off" }),
    ...(port === undefined ? {} : { port: Number(port) }),
  });
  const started = await role.start();
  if (!started.ok) return started;
  const stopReleasing = releaseMemoryWhenIdle();
  return succeed({
    stop: () => {
      stopReleasing();
      return role.stop();
    },
  });
}

function consulOf(env: Env, task: Task): Result<ConsulClient | undefined> {
  const secrets = task["NOMAD_SECRETS_DIR"];
  const where = task["LARES_DHCP_CLUSTER"] ?? (secrets === undefined ? "off" : `unix://${secrets}/api.sock`);
  if (where === "off") return succeed(undefined);
  const address = parseAddress(where);
  if (!address.ok) return address;
  const token = task["NOMAD_TOKEN"] ?? "";
  return succeed(createConsulClient({ http: env.http, address: address.value, token, query: { consistent: true } }));
}

/** `host:port`, with or without brackets. */
function parseAddressPort(text: string): Address | undefined {
  const colon = text.lastIndexOf(":");
  const [host, port] = [text.slice(0, colon).replaceAll(/[[\]]/g, ""), Number(text.slice(colon + 1))];
  return colon < 0 || !Number.isInteger(port) ? undefined : { host, port };
}

interface DhcpRoleDeps extends Pick<DhcpDeps, "env" | "lan" | "dir" | "port"> {
  readonly task: Task;
  readonly consul: ConsulClient | undefined;
}

/** A server under its newest settings: it is made anew when they change. */
class DhcpRole implements Role {
  readonly #deps: DhcpRoleDeps;
  readonly #stopped = new AbortController();
  readonly #servers: (DhcpServer | DhcpServer6)[] = [];
  #metrics: HttpListener | undefined;
  #source = "";
  #following: Promise<void> | undefined;

  constructor(deps: DhcpRoleDeps) {
    this.#deps = deps;
  }

  async start(): Promise<Result<undefined>> {
    const { consul } = this.#deps;
    const first =
      consul === undefined ? undefined : await this.#readShared(consul, { signal: AbortSignal.timeout(FIRST_READ_MS) });
    const source = first?.source ?? (await this.#readLast());
    if (source === undefined)
      return fail(
        "dhcp_settings",
        `there are no settings: neither ${CONFIG_KEY} nor a file`,
        "set LARES_DHCP_CONFIG=FILE, or write the key; see docs/dhcp.md",
      );
    const settled = await this.#serve(source);
    if (!settled.ok) return settled;
    if (consul !== undefined) this.#following = this.#follow(consul);
    await this.#openMetrics();
    return succeed(undefined);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#metrics?.close(0);
    await this.#following;
    await this.#stopServers();
  }

  /** Figures for Prometheus; without them everything else goes on. */
  async #openMetrics(): Promise<void> {
    const { env, task } = this.#deps;
    const address = task["LARES_DHCP_METRICS"] ?? task["NOMAD_ADDR_metrics"];
    const at = address === undefined ? undefined : parseAddressPort(address);
    if (at === undefined) return;
    const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
    const exchange: Exchange = ({ url }) =>
      Promise.resolve(
        url.split("?")[0] === "/metrics"
          ? { status: 200, headers, body: prometheusText(this.#servers.map((server) => server.told())) }
          : { status: 404, headers, body: "figures are at /metrics\n" },
      );
    try {
      this.#metrics = await listenHttp({ at, exchange, log: env.log });
    } catch (thrown) {
      env.log.error(`figures are not served at ${address}: ${messageOf(thrown)}`);
    }
  }

  async #stopServers(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.stop()));
  }

  /** Stops what runs only when the new settings are good. */
  async #serve(source: SettingsSource): Promise<Result<undefined>> {
    const { env, lan, dir, port, consul } = this.#deps;
    const settings = settingsFrom(source);
    if (!settings.ok) return settings;
    try {
      await this.#stopServers();
      const kv = consul === undefined ? {} : { kv: createSharedKv(consul, env.clock) };
      const { six } = settings.value;
      const server = await createDhcp({
        env,
        lan,
        dir,
        settings: settings.value,
        ...(port === undefined ? {} : { port }),
        ...kv,
      });
      this.#servers.push(server);
      await server.start();
      if (six !== undefined) {
        const sockets = systemGroupSockets;
        const server6 = await createDhcp6({ env, sockets, dir: `${dir}/v6`, settings: six, ...kv });
        this.#servers.push(server6);
        await server6.start();
      }
      this.#source = JSON.stringify(source);
      await env.disk.replace(`${dir}/settings.json`, this.#source, { mode: 0o600 });
      env.log.info("serving DHCP", {
        interfaces: server.interfaces.join(","),
        subnets: settings.value.subnets.length,
        ...(six === undefined ? {} : { subnets6: six.links.length }),
      });
      return succeed(undefined);
    } catch (thrown) {
      return fail("dhcp_start", `cannot start the DHCP server: ${messageOf(thrown)}`);
    }
  }

  async #follow(consul: ConsulClient): Promise<void> {
    const { env } = this.#deps;
    const { signal } = this.#stopped;
    let index = 0;
    while (!signal.aborted) {
      const read = await this.#readShared(consul, { signal, block: { index, waitMs: WAIT_MS } });
      if (signal.aborted) return;
      index = read?.index ?? 0;
      if (read !== undefined && JSON.stringify(read.source) !== this.#source) {
        const served = await this.#serve(read.source);
        if (!served.ok)
          env.log.error("the new settings are not used", { error: served.error.message, hint: served.error.hint });
      }
      await sleep(env.clock, read === undefined ? RETRY_MS : PAUSE_MS, signal);
    }
  }

  /** Undefined: the store does not answer, and there is no file. */
  async #readShared(
    consul: ConsulClient,
    options: ConsulRead,
  ): Promise<{ readonly index: number; readonly source: SettingsSource } | undefined> {
    const read = await consul.kv.list(SETTINGS, options);
    if (!read.ok && read.error.code !== "missing") return undefined;
    const pairs = (read.ok ? read.value.value : []).map(({ Key, Value }) => ({
      key: Key,
      text: textOf(Buffer.from(Value, "base64")),
    }));
    const config = pairs.find(({ key }) => key === CONFIG_KEY)?.text ?? (await this.#readFile());
    if (config === undefined) return undefined;
    const reservations = pairs.filter(({ key }) => key.startsWith(RESERVATIONS)).map(({ text }) => text);
    return { index: read.ok ? read.value.index : read.error.index, source: { config, reservations } };
  }

  async #readFile(): Promise<string | undefined> {
    const { task, env } = this.#deps;
    const taskDir = task["NOMAD_TASK_DIR"];
    const path = task["LARES_DHCP_CONFIG"] ?? (taskDir === undefined ? undefined : `${taskDir}/dhcp.json`);
    const bytes = path === undefined ? undefined : await env.disk.read(path);
    return bytes === undefined ? undefined : textOf(bytes);
  }

  /** Without the store: what was served last, with what the file says now where there is no cluster at all. */
  async #readLast(): Promise<SettingsSource | undefined> {
    const { env, dir, consul } = this.#deps;
    const file = await this.#readFile();
    const last = consul === undefined ? undefined : await env.disk.read(`${dir}/settings.json`);
    if (last === undefined) return file === undefined ? undefined : { config: file, reservations: [] };
    try {
      return v.parse(LastSchema, JSON.parse(textOf(last)));
    } catch {
      return file === undefined ? undefined : { config: file, reservations: [] };
    }
  }
}
