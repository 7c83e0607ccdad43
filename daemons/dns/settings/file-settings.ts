import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf, fail, succeed, type Result } from "#base/env/errors.ts";
import { parseSettings, readSettings } from "./read-settings.ts";
import type { SettingsStore } from "./settings-store.ts";
import type { Settings } from "./settings.ts";

/**
 * Settings of a lone server. What is changed at run time goes into a file of its own (`changesPath`, JSON, the settings as
 * a whole), so that what a person wrote stays as it is; once that file is there, it alone counts.
 */
export async function openFileSettings(
  env: Pick<Env, "disk">,
  paths: { readonly configPath: string | undefined; readonly changesPath: string | undefined },
): Promise<Result<SettingsStore>> {
  const found = (await readIfThere(env, paths.changesPath)) ?? (await readIfThere(env, paths.configPath));
  if (found === undefined && paths.configPath !== undefined)
    return fail("dns_settings", `there is no file ${paths.configPath}`, "lares role dns CONFIG-FILE");
  const read = found === undefined ? parseSettings({}, "defaults") : readSettings(found);
  return read.ok ? succeed(new FileSettings(env, read.value, paths.changesPath)) : read;
}

async function readIfThere(env: Pick<Env, "disk">, path: string | undefined) {
  const bytes = path === undefined ? undefined : await env.disk.read(path);
  return bytes === undefined || path === undefined ? undefined : { name: path, text: textOf(bytes) };
}

class FileSettings implements SettingsStore {
  current: Settings;
  readonly #env: Pick<Env, "disk">;
  readonly #path: string | undefined;
  readonly #listeners = new Set<(settings: Settings) => void>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(env: Pick<Env, "disk">, current: Settings, path: string | undefined) {
    this.#env = env;
    this.current = current;
    this.#path = path;
  }

  /** One after the other. */
  update(change: (current: Settings) => Result<Settings>): Promise<Result<Settings>> {
    const next = this.#last.then(() => this.#update(change));
    // A change that throws is its own caller's alone.
    this.#last = next.catch(() => {});
    return next;
  }

  onChange(listener: (settings: Settings) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    await this.#last;
  }

  async #update(change: (current: Settings) => Result<Settings>): Promise<Result<Settings>> {
    const wanted = change(this.current);
    if (!wanted.ok) return wanted;
    const checked = parseSettings(wanted.value, "settings");
    if (!checked.ok) return checked;
    try {
      if (this.#path !== undefined)
        await this.#env.disk.replace(this.#path, JSON.stringify(checked.value, undefined, 2));
    } catch (thrown) {
      return fail("dns_settings_write", `the settings were not saved: ${messageOf(thrown)}`);
    }
    this.current = checked.value;
    for (const listener of this.#listeners) listener(checked.value);
    return checked;
  }
}
