import { join } from "node:path/posix";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { mkdirPlugin } from "./mkdir-plugin.ts";
import { mountPlugin, NFS, SMB } from "./mount-plugin.ts";
import { scriptPlugin, type ScriptFolders } from "./script-plugin.ts";
import type { VolumePlugin } from "./volume-plugin.ts";

const ATTRIBUTE = "plugins.host_volume.";
/** Programs of the plugin folder; the rest is not looked at. */
const MAX_SCRIPTS = 64;
const NAME = /^[A-Za-z0-9][\w.-]{0,127}$/;
const WORLD_WRITABLE = 0o002;
const EXECUTABLE = 0o111;

interface Known {
  readonly plugin: VolumePlugin;
  readonly version: string;
}

/** The plugins this node has: those built in, and the programs of a folder, looked for again from time to time. */
export class VolumePlugins {
  readonly #env: Env;
  readonly #folders: ScriptFolders;
  #known: ReadonlyMap<string, Known> = new Map();
  /** Programs that were asked, as they were then. */
  readonly #asked = new Map<string, string>();

  constructor(env: Env, folders: ScriptFolders) {
    this.#env = env;
    this.#folders = folders;
  }

  /** Whether there are others than before. */
  async refresh(): Promise<boolean> {
    const before = JSON.stringify(this.attributes());
    const { volumes } = this.#folders;
    const builtIn: [string, VolumePlugin][] = [
      ["mkdir", mkdirPlugin(this.#env.disk, volumes)],
      ["nfs", mountPlugin(this.#env, NFS, volumes)],
      ["smb", mountPlugin(this.#env, SMB, volumes)],
    ];
    const found = new Map<string, Known>();
    for (const [name, plugin] of builtIn) {
      const version = await plugin.version();
      if (version !== undefined) found.set(name, { plugin, version });
    }
    for (const [name, known] of await this.#scripts()) if (!found.has(name)) found.set(name, known);
    this.#known = found;
    return JSON.stringify(this.attributes()) !== before;
  }

  get(name: string): VolumePlugin | undefined {
    return this.#known.get(name)?.plugin;
  }

  names(): readonly string[] {
    return [...this.#known.keys()];
  }

  /** https://developer.hashicorp.com/nomad/docs/other-specifications/volume/host#plugin_id */
  attributes(): Record<string, string> {
    return Object.fromEntries([...this.#known].map(([name, { version }]) => [`${ATTRIBUTE}${name}.version`, version]));
  }

  async #scripts(): Promise<[string, Known][]> {
    const { disk } = this.#env;
    const names = (await disk.list(this.#folders.plugins)).filter((name) => NAME.test(name)).slice(0, MAX_SCRIPTS);
    const found: [string, Known][] = [];
    for (const name of names) {
      const program = join(this.#folders.plugins, name);
      const stat = await disk.stat(program);
      if (stat?.kind !== "file" || (stat.mode & EXECUTABLE) === 0) continue;
      const print = `${stat.size} ${stat.modifiedMs} ${stat.mode} ${stat.uid}`;
      const known = this.#known.get(name);
      if (this.#asked.get(name) === print) {
        if (known !== undefined) found.push([name, known]);
        continue;
      }
      this.#asked.set(name, print);
      const version = await this.#versionOf(program, stat.mode);
      if (version !== undefined)
        found.push([name, { plugin: scriptPlugin(this.#env, program, this.#folders), version }]);
    }
    return found;
  }

  async #versionOf(program: string, mode: number): Promise<string | undefined> {
    if ((mode & WORLD_WRITABLE) !== 0) {
      this.#env.log.warn("a host volume plugin that anybody may change is not used", { program });
      return undefined;
    }
    try {
      return await scriptPlugin(this.#env, program, this.#folders).version();
    } catch (thrown) {
      this.#env.log.warn("a host volume plugin cannot be asked", { program, error: messageOf(thrown) });
      return undefined;
    }
  }
}
