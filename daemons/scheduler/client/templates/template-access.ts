import type { Result } from "#base/env/errors.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import type { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import type { TemplateHost } from "#base/client/templates/functions/host-functions.ts";
import type { GoValue } from "#base/language/go-template/value.ts";

/** Whose templates are rendered: what it may read follows from it. */
export interface TemplateReader {
  readonly namespace: string;
  /** Of a dispatched or periodic job: its parent's, whose rights it has. */
  readonly jobId: string;
  readonly group: string;
  readonly allocId: string;
  readonly taskName: string;
  /** Of the task's vault block; undefined: it has none and may ask Vault nothing. Empty: what the agent's configuration says. */
  readonly vault: { readonly role: string; readonly namespace: string } | undefined;
}

/** A task's way to Vault; it ends with its reader's part in the pool. */
export interface VaultSession {
  /** Logs in, or goes on with the token that an agent before got (empty: there is none). Resolves with the token. */
  readonly open: (kept: string, signal: AbortSignal) => Promise<Result<string>>;
}

/** A reader's part in a pool; the pool ends with its last reader. */
export interface SharedPool {
  readonly pool: WatchPool<Dependency, GoValue>;
  readonly leave: () => void;
  /** Of readers with a vault block; to be opened before anything is asked. */
  readonly vault?: VaultSession;
}

/** How the templates of tasks reach the cluster and this machine; handed in by the agent. */
export interface TemplateAccess {
  /** Readers that may read the same share a pool. */
  readonly join: (reader: TemplateReader) => SharedPool;
  /** What functions see of the machine. `sandbox` empty: `file` may read anything. */
  readonly host: (options: {
    readonly environment: Readonly<Record<string, string>>;
    readonly sandbox: string;
    readonly folder: string;
  }) => Omit<TemplateHost, "write">;
}
