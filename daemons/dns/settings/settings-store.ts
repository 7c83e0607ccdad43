import type { Result } from "#base/env/errors.ts";
import type { Settings } from "./settings.ts";

/** Where the settings live: a cluster's KV, or a file of a lone server. */
export interface SettingsStore {
  readonly current: Settings;
  /**
   * Reads, changes and writes as one step: `change` runs again on what somebody else wrote meanwhile. What it returns is
   * checked as a whole before it is written; a failure of `change` is handed back as it is.
   */
  update(change: (current: Settings) => Result<Settings>): Promise<Result<Settings>>;
  /** Told of every new version, after `current` is it. Returns what ends it. */
  onChange(listener: (settings: Settings) => void): () => void;
  stop(): Promise<void>;
}
