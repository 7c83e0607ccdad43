import type { Env } from "#base/env/env.ts";
import type { View } from "#base/state/table.ts";
import type { DiscoveryConfig } from "../config.ts";
import type { ConsulEvent } from "../events/event-log.ts";
import type { KvStore } from "../kv/kv-store.ts";
import type { RemoteExec } from "./remote-exec.ts";

/** The event that tells nodes of a command. */
export const EXEC_EVENT = "_rexec";

export interface RemoteCommandsDeps {
  readonly env: Env;
  readonly kv: KvStore;
  readonly view: View;
  readonly config: DiscoveryConfig;
}

/** Commands of other nodes' users, where the configuration allows them; loaded with the first one. */
export class RemoteCommands {
  readonly #deps: RemoteCommandsDeps;
  #exec: Promise<RemoteExec> | undefined;

  constructor(deps: RemoteCommandsDeps) {
    this.#deps = deps;
  }

  async take(event: ConsulEvent): Promise<void> {
    const { env, config } = this.#deps;
    if (config.disableRemoteExec !== false)
      return env.log.warn("a remote command was ignored: disable_remote_exec is on", { event: event.ID });
    this.#exec ??= this.#load();
    await (await this.#exec).take(event);
  }

  stop(): void {
    void this.#exec?.then((exec) => exec.stop());
  }

  async #load(): Promise<RemoteExec> {
    const { env, kv, view, config } = this.#deps;
    const { RemoteExec } = await import("./remote-exec.ts");
    return new RemoteExec({ env, kv, view, nodeName: config.nodeName, dataDir: config.dataDir });
  }
}
