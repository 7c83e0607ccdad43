import { readFile } from "node:fs/promises";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { releaseMemoryWhenIdle } from "#base/platform/idle-memory.ts";
import { buildListsInThread } from "#cli/role/dns-lists.ts";
import { openQueries } from "#cli/role/dns-queries.ts";
import { createDns } from "#daemons/dns/create-dns.ts";
import { openFileSettings } from "#daemons/dns/settings/file-settings.ts";

/** The household's DNS server as its role runs it, with a parent that asks for figures: `home-server.ts SETTINGS FOLDER`. */
const [configPath = "", folder = ""] = process.argv.slice(2);
const env = { ...createEnv({ logToStderr: false }), log: silentLog };
const settings = await openFileSettings(env, { configPath, changesPath: undefined });
if (!settings.ok) throw new Error(settings.error.message);
const queries = await openQueries(env, { settings: settings.value, folder });
let buildMs = 0;
const dns = createDns({
  env,
  settings: settings.value,
  folder: `${folder}/lists`,
  observer: queries.observe,
  buildLists: async (seed, files) => {
    const began = performance.now();
    const built = await buildListsInThread(seed, files);
    buildMs = performance.now() - began;
    return built;
  },
  listenHttps: () => Promise.reject(new Error("not here")),
  house: {},
  reusePort: process.env["SHARING"] === "yes",
});
await dns.start();
await dns.settled();
releaseMemoryWhenIdle();

const answers: Readonly<Record<string, () => Promise<number> | number>> = {
  port: () => dns.addresses("udp")[0]?.port ?? 0,
  cpuUs: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  buildMs: () => buildMs,
  anonymousMb: async () => {
    const status = await readFile("/proc/self/status", "utf8");
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024;
  },
  reload: async () => {
    // As if every list had come anew.
    const { lists } = settings.value.current;
    await settings.value.update((now) => ({ ok: true, value: { ...now, lists: [] } }));
    await dns.settled();
    await settings.value.update((now) => ({ ok: true, value: { ...now, lists } }));
    await dns.settled();
    return buildMs;
  },
};
process.on("message", (what: string) => {
  void Promise.resolve(answers[what]?.()).then((figure) => process.send?.(figure));
});
process.on("disconnect", () => process.exit());
