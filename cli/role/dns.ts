import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { createConsulClient, type ConsulClient } from "#base/client/consul-client.ts";
import { releaseMemoryWhenIdle } from "#base/platform/idle-memory.ts";
import type { Env } from "#base/env/env.ts";
import type { Address } from "#base/env/net.ts";
import type { SystemEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { createDns } from "#daemons/dns/create-dns.ts";
import { clusterSources } from "#daemons/dns/local/cluster-names.ts";
import type { HouseSources } from "#daemons/dns/local/house-names.ts";
import { openFileSettings } from "#daemons/dns/settings/file-settings.ts";
import { openKvSettings } from "#daemons/dns/settings/kv-settings.ts";
import { readSettings } from "#daemons/dns/settings/read-settings.ts";
import type { SettingsStore } from "#daemons/dns/settings/settings-store.ts";
import { textOf } from "#base/env/bytes.ts";
import { defaultSettings } from "#daemons/dns/settings/settings.ts";
import { buildListsInThread } from "./dns-lists.ts";
import { openDnsApi } from "./dns-api.ts";
import { houseLeases } from "./house-leases.ts";
import { openQueries } from "./dns-queries.ts";
import type { Role } from "./role.ts";

export interface DnsRole extends Role {
  readonly dnsAddresses: readonly Address[];
  readonly apiAddresses: readonly Address[];
}

type Task = Readonly<Record<string, string>>;

/** Where the agent answers `.consul` on its node, unless the task is told otherwise. */
const AGENT_DNS = "127.0.0.1:8600";

/**
 * The DNS server. As a task it shares its settings with its like through the cluster's KV; what it is first given is the
 * file `LARES_DNS_CONFIG` names (HCL or JSON), or `dns.hcl` in its task's folder. Alone, that file is its settings, and
 * what is changed at run time goes to `settings.json` beside its lists in `LARES_DNS_DIR`.
 */
export async function dnsRole(env: SystemEnv, task: Task): Promise<Result<DnsRole>> {
  const shared = task["NOMAD_ALLOC_DIR"];
  const folder = task["LARES_DNS_DIR"] ?? (shared === undefined ? undefined : `${shared}/data/dns`);
  if (folder === undefined)
    return fail("dns_environment", "the DNS server was not told where to keep its lists", "set LARES_DNS_DIR=FOLDER");
  await env.disk.makeDir(folder);
  const parts = await partsOf(env, task, folder);
  if (!parts.ok) return parts;
  const { settings, house, client } = parts.value;
  try {
    const queries = await openQueries(env, { settings, folder, client });
    const dns = createDns({
      env,
      settings,
      house,
      folder: `${folder}/lists`,
      observer: queries.observe,
      buildLists: buildListsInThread,
      listenHttps: (at, exchange, tls) => listenHttp({ at, exchange, tls, log: env.log }),
      reusePort: task["LARES_DNS_SHARE_PORT"] === "yes",
    });
    await dns.start();
    const stopReleasing = releaseMemoryWhenIdle();
    const served = dns.addresses("udp").map(({ host, port }) => `${host}:${port}`);
    const named = task["LARES_DNS_API"];
    const addresses = named === undefined ? withLoopback(task["NOMAD_ADDR_api"]) : [named];
    const leases = client === undefined ? undefined : houseLeases(client, env.clock);
    const api = await openDnsApi(env, { settings, queries, dns, leases, folder, addresses });
    const apiAt = api.addresses.map(({ host, port }) => `${host}:${port}`);
    env.log.info("serving DNS", { at: served.join(","), ...(apiAt.length === 0 ? {} : { api: apiAt.join(",") }) });
    return succeed({
      dnsAddresses: dns.addresses("udp"),
      apiAddresses: api.addresses,
      stop: async () => {
        stopReleasing();
        await api.close();
        await dns.stop();
        await queries.stop();
        await settings.stop();
      },
    });
  } catch (thrown) {
    return fail("dns_start", `cannot start the DNS server: ${messageOf(thrown)}`);
  }
}

/** A task's port is on one address of its node; commands on that node ask the loopback, which needs no password. */
function withLoopback(address: string | undefined): readonly string[] {
  if (address === undefined) return [];
  return [address, `127.0.0.1:${address.slice(address.lastIndexOf(":") + 1)}`];
}

interface Parts {
  readonly settings: SettingsStore;
  readonly house: HouseSources;
  /** Undefined: it is alone. */
  readonly client: ConsulClient | undefined;
}

async function partsOf(env: Env, task: Task, folder: string): Promise<Result<Parts>> {
  const secrets = task["NOMAD_SECRETS_DIR"];
  const taskDir = task["NOMAD_TASK_DIR"];
  const configPath = task["LARES_DNS_CONFIG"] ?? (taskDir === undefined ? undefined : `${taskDir}/dns.hcl`);
  if (secrets === undefined) {
    const opened = await openFileSettings(env, { configPath, changesPath: `${folder}/settings.json` });
    return opened.ok ? succeed({ settings: opened.value, house: {}, client: undefined }) : opened;
  }
  const bytes = configPath === undefined ? undefined : await env.disk.read(configPath);
  const first =
    bytes === undefined ? succeed(defaultSettings()) : readSettings({ name: "dns.hcl", text: textOf(bytes) });
  if (!first.ok) return first;
  const client = createConsulClient({
    http: env.http,
    address: { origin: "http://localhost", socketPath: `${secrets}/api.sock` },
    token: task["NOMAD_TOKEN"] ?? "",
  });
  const settings = await openKvSettings(env, client, first.value);
  return succeed({ settings, client, house: clusterSources(env, client, task["LARES_DNS_CONSUL"] ?? AGENT_DNS) });
}
