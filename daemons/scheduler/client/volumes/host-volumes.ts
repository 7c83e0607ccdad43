import { isAbsolute } from "node:path/posix";
import { sleep, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { HostVolume, VolumeNews } from "#base/protocol/host-volume.ts";
import type { NodeVolume } from "#base/protocol/node.ts";
import { readVolumeFile, writeVolumeFile, type VolumeRecord } from "./volume-file.ts";
import { isVolumeId, type MadeVolume } from "./volume-plugin.ts";
import { VolumePlugins } from "./volume-plugins.ts";

/** A start waits this long for what an earlier agent made to be there again. */
const RESTORE_PATIENCE_MS = 10_000;
/** What was not there then (a file server that is down) is tried again after this. */
const RESTORE_AGAIN_MS = 30_000;

export interface HostVolumesDeps {
  readonly env: Env;
  /** Of the list. */
  readonly file: string;
  readonly folders: { readonly plugins: string; readonly volumes: string };
  /** 0: no limit. */
  readonly most: number;
  /** What this node offers is not what it was. */
  readonly changed: () => void;
}

/** Brings about what the servers want of this node's volumes, and says how each stands. */
export class HostVolumes {
  readonly #deps: HostVolumesDeps;
  readonly #plugins: VolumePlugins;
  readonly #records = new Map<string, VolumeRecord>();
  /** Kept on disk, but not there: not offered. */
  readonly #missing = new Set<string>();
  readonly #news = new Map<string, VolumeNews>();
  readonly #busy = new Set<string>();
  #wanted: readonly HostVolume[] = [];
  #writing: Promise<void> = Promise.resolve();
  #again: Timer | undefined;
  #closed = false;

  constructor(deps: HostVolumesDeps) {
    this.#deps = deps;
    this.#plugins = new VolumePlugins(deps.env, deps.folders);
  }

  /** Resolves when what an earlier agent made is there again, or it takes too long. */
  async start(): Promise<void> {
    const { env, file } = this.#deps;
    await this.#plugins.refresh();
    for (const record of await readVolumeFile(env, file)) {
      this.#records.set(record.volume.ID, record);
      this.#missing.add(record.volume.ID);
    }
    if (this.#missing.size === 0) return;
    const patience = new AbortController();
    await Promise.race([this.#restore(), sleep(env.clock, RESTORE_PATIENCE_MS, patience.signal)]);
    patience.abort();
  }

  close(): void {
    this.#closed = true;
    this.#again?.cancel();
  }

  /** New programs in the plugin folder, or gone ones. */
  async refreshPlugins(): Promise<boolean> {
    return this.#plugins.refresh();
  }

  attributes(): Record<string, string> {
    return this.#plugins.attributes();
  }

  offered(): Record<string, NodeVolume> {
    const there = [...this.#records.values()].filter(({ volume }) => !this.#missing.has(volume.ID));
    return Object.fromEntries(
      there.map(({ volume, path, bytes }) => [
        volume.Name,
        {
          Name: volume.Name,
          Path: path,
          ReadOnly: volume.RequestedCapabilities.every(({ AccessMode }) => AccessMode === "single-node-reader-only"),
          Dynamic: {
            ID: volume.ID,
            Namespace: volume.Namespace,
            Revision: volume.Revision,
            CapacityBytes: bytes,
            Capabilities: volume.RequestedCapabilities,
          },
        },
      ]),
    );
  }

  news(): Record<string, VolumeNews> {
    return Object.fromEntries(this.#news);
  }

  /** All volumes of this node, as the servers want them. One that is missing in the list stays. */
  apply(wanted: readonly HostVolume[]): void {
    this.#wanted = wanted;
    const known = new Set(wanted.map(({ ID }) => ID));
    let forgot = false;
    for (const id of this.#news.keys()) if (!known.has(id) && !this.#records.has(id)) forgot = this.#news.delete(id);
    if (forgot) this.#deps.changed();
    this.#advance();
  }

  #advance(): void {
    if (this.#closed) return;
    for (const volume of this.#wanted) {
      if (this.#busy.has(volume.ID) || this.#isDone(volume)) continue;
      this.#busy.add(volume.ID);
      void this.#bringAbout(volume).finally(() => {
        this.#busy.delete(volume.ID);
        this.#advance();
      });
    }
  }

  #isDone(volume: HostVolume): boolean {
    if (this.#news.get(volume.ID)?.Revision === volume.Revision) return true;
    return !volume.Deleting && this.#records.get(volume.ID)?.volume.Revision === volume.Revision;
  }

  async #bringAbout(volume: HostVolume): Promise<void> {
    const { log } = this.#deps.env;
    const { ID, Revision } = volume;
    try {
      const done = volume.Deleting ? await this.#remove(volume) : await this.#create(volume);
      if (!done.ok) {
        const { message, hint } = done.error;
        const Message = hint === undefined ? message : `${message} (${hint})`;
        log.warn(`cannot ${volume.Deleting ? "delete" : "make"} a host volume`, { volume: ID, error: Message });
        this.#news.set(ID, { State: "failed", Revision, Message });
      } else if (volume.Deleting) this.#news.set(ID, { State: "deleted", Revision, Message: "" });
      else this.#news.delete(ID);
    } catch (thrown) {
      log.error("a host volume could not be looked after", { volume: ID, error: messageOf(thrown) });
      this.#news.set(ID, { State: "failed", Revision, Message: messageOf(thrown) });
    }
    this.#deps.changed();
  }

  async #create(volume: HostVolume): Promise<Result<void>> {
    const refused = this.#refusal(volume);
    if (refused !== undefined) return fail("refused", refused);
    const made = await this.#make(volume);
    if (!made.ok) return made;
    this.#records.set(volume.ID, { volume, ...made.value });
    this.#missing.delete(volume.ID);
    await this.#keep();
    return succeed(undefined);
  }

  #refusal({ ID, Name }: HostVolume): string | undefined {
    if (!isVolumeId(ID)) return `${JSON.stringify(ID)} is no volume id`;
    const { most } = this.#deps;
    if (this.#records.has(ID)) return undefined;
    const other = [...this.#records.values()].find(({ volume }) => volume.Name === Name);
    if (other !== undefined) return `this node has a volume ${JSON.stringify(Name)} already: ${other.volume.ID}`;
    if (most > 0 && this.#records.size >= most)
      return `this node has ${most} host volumes, as many as it may (client { max_dynamic_host_volumes })`;
    return undefined;
  }

  async #make(volume: HostVolume): Promise<Result<MadeVolume>> {
    if (volume.HostPath !== "") return this.#adopt(volume);
    const plugin = this.#plugins.get(volume.PluginID);
    if (plugin !== undefined) return plugin.create(volume);
    const names = this.#plugins.names().join(", ");
    return fail("plugin", `no host volume plugin ${JSON.stringify(volume.PluginID)} here (there are: ${names})`);
  }

  /** Somebody else made it. */
  async #adopt({ HostPath, CapacityBytes }: HostVolume): Promise<Result<MadeVolume>> {
    if (!isAbsolute(HostPath)) return fail("path", `host path ${JSON.stringify(HostPath)} is not absolute`);
    const stat = await this.#deps.env.disk.stat(HostPath);
    if (stat === undefined)
      return fail("path", `there is no ${HostPath} on this node`, "make it before you register it");
    return succeed({ path: HostPath, bytes: CapacityBytes });
  }

  async #remove(volume: HostVolume): Promise<Result<void>> {
    const record = this.#records.get(volume.ID);
    if (record !== undefined && volume.HostPath === "") {
      const plugin = this.#plugins.get(volume.PluginID);
      if (plugin === undefined)
        return fail("plugin", `no host volume plugin ${JSON.stringify(volume.PluginID)} here any more`);
      const removed = await plugin.remove(volume, record.path);
      if (!removed.ok) return removed;
    }
    this.#records.delete(volume.ID);
    this.#missing.delete(volume.ID);
    await this.#keep();
    return succeed(undefined);
  }

  async #restore(): Promise<void> {
    await Promise.all([...this.#missing].map((id) => this.#restoreOne(id)));
    if (this.#missing.size === 0 || this.#closed) return;
    this.#again = this.#deps.env.clock.after(RESTORE_AGAIN_MS, () => void this.#restore());
  }

  async #restoreOne(id: string): Promise<void> {
    const record = this.#records.get(id);
    if (record === undefined || this.#busy.has(id)) return;
    this.#busy.add(id);
    try {
      const made = await this.#make(record.volume);
      if (made.ok) this.#missing.delete(id);
      else
        this.#deps.env.log.warn("a host volume is not there; trying again", { volume: id, error: made.error.message });
      if (made.ok) this.#records.set(id, { ...record, ...made.value });
    } catch (thrown) {
      this.#deps.env.log.error("a host volume could not be restored", { volume: id, error: messageOf(thrown) });
    } finally {
      this.#busy.delete(id);
    }
    this.#deps.changed();
    this.#advance();
  }

  /** One write at a time, each of the whole list as it is then. */
  #keep(): Promise<void> {
    const { env, file } = this.#deps;
    this.#writing = this.#writing.catch(() => {}).then(() => writeVolumeFile(env, file, [...this.#records.values()]));
    return this.#writing;
  }
}
