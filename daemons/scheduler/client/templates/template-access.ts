import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import type { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import type { TemplateHost } from "#base/client/templates/functions/host-functions.ts";
import type { GoValue } from "#base/language/go-template/value.ts";

/** Whose templates are rendered: what it may read follows from it. */
export interface TemplateReader {
  readonly namespace: string;
  readonly jobId: string;
  readonly allocId: string;
  readonly taskName: string;
}

/** How the templates of tasks reach the cluster and this machine; handed in by the agent. */
export interface TemplateAccess {
  /** Readers that may read the same share a pool. */
  readonly pool: (reader: TemplateReader) => Promise<WatchPool<Dependency, GoValue>>;
  /** What functions see of the machine. `sandbox` empty: `file` may read anything. */
  readonly host: (options: {
    readonly environment: Readonly<Record<string, string>>;
    readonly sandbox: string;
    readonly folder: string;
  }) => Omit<TemplateHost, "write">;
}
