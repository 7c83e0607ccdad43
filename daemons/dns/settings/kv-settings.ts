import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Env } from "#base/env/env.ts";
import type { ConsulClient } from "#base/client/consul-client.ts";
import { watch } from "#base/client/watch.ts";
import { parseSettings } from "./read-settings.ts";
import type { SettingsStore } from "./settings-store.ts";
import type { Settings } from "./settings.ts";

export const SETTINGS_KEY = "lares/dns/settings";
/** Others write at the same time: so often it is tried on what they wrote. */
const MAX_TRIES = 10;
/** The first answer is waited for this long; without one the server starts with what it was given. */
const FIRST_WAIT_MS = 3000;

/**
 * Settings that all instances of a cluster share, as one JSON value in its KV. `first` is what is written where there is
 * nothing yet. An instance that cannot reach the cluster works with what it last knew.
 */
export async function openKvSettings(
  env: Pick<Env, "clock" | "random" | "log">,
  client: ConsulClient,
  first: Settings,
): Promise<SettingsStore> {
  const store = new KvSettings(env, client, first);
  await store.start();
  return store;
}

class KvSettings implements SettingsStore {
  current: Settings;
  readonly #env: Pick<Env, "clock" | "random" | "log">;
  readonly #client: ConsulClient;
  readonly #listeners = new Set<(settings: Settings) => void>();
  readonly #stopped = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #text = "";

  constructor(env: Pick<Env, "clock" | "random" | "log">, client: ConsulClient, first: Settings) {
    this.#env = env;
    this.#client = client;
    this.current = first;
  }

  async start(): Promise<void> {
    const known = Promise.withResolvers<void>();
    const timer = this.#env.clock.after(FIRST_WAIT_MS, () => known.resolve());
    this.#watching = this.#watch(() => known.resolve());
    await known.promise;
    timer.cancel();
  }

  async update(change: (current: Settings) => Result<Settings>): Promise<Result<Settings>> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const read = await this.#client.kv.get(SETTINGS_KEY);
      if (!read.ok && read.error.code !== "missing") return fail("dns_settings_read", read.error.message);
      const pair = read.ok ? read.value.value[0] : undefined;
      const before = pair === undefined ? succeed(this.current) : parseText(textOfPair(pair.Value));
      if (!before.ok) return before;
      const wanted = change(before.value);
      if (!wanted.ok) return wanted;
      const checked = parseSettings(wanted.value, "settings");
      if (!checked.ok) return checked;
      const text = JSON.stringify(checked.value);
      const written = await this.#client.kv.put(SETTINGS_KEY, text, { cas: pair?.ModifyIndex ?? 0 });
      if (!written.ok) return fail("dns_settings_write", written.error.message);
      if (!written.value.value) continue;
      this.#take(checked.value, text);
      return checked;
    }
    return fail("dns_settings_busy", `others changed the settings ${MAX_TRIES} times in between`, "try again");
  }

  onChange(listener: (settings: Settings) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#listeners.clear();
    await this.#watching;
  }

  async #watch(onKnown: () => void): Promise<void> {
    const { clock, random, log } = this.#env;
    const { signal } = this.#stopped;
    const read = (at: Parameters<Parameters<typeof watch>[0]>[0]) => this.#client.kv.get(SETTINGS_KEY, at);
    for await (const { value } of watch(read, { clock, random, signal })) {
      const [pair] = value ?? [];
      if (pair === undefined) {
        await this.#writeFirst();
        onKnown();
        continue;
      }
      const text = textOfPair(pair.Value);
      const parsed = parseText(text);
      if (!parsed.ok) log.error(`${parsed.error.message}; those before stay in use`);
      else if (text !== this.#text) this.#take(parsed.value, text);
      onKnown();
    }
  }

  /** Only where there is none: of several instances one wins, and the watch tells the others. */
  async #writeFirst(): Promise<void> {
    const written = await this.#client.kv.put(SETTINGS_KEY, JSON.stringify(this.current), { cas: 0 });
    if (!written.ok) this.#env.log.warn(`the first settings were not written: ${written.error.message}`);
  }

  #take(settings: Settings, text: string): void {
    this.#text = text;
    this.current = settings;
    for (const listener of this.#listeners) listener(settings);
  }
}

function parseText(text: string): Result<Settings> {
  try {
    return parseSettings(JSON.parse(text), SETTINGS_KEY);
  } catch (thrown) {
    return fail("dns_settings", `${SETTINGS_KEY} is no JSON: ${messageOf(thrown)}`);
  }
}

/** Values come in base64. */
function textOfPair(value: string | null): string {
  return Buffer.from(value ?? "", "base64").toString("utf8");
}
