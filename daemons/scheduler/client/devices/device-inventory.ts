import type { Env } from "#base/env/env.ts";
import { messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { NodeDevice } from "#base/protocol/node.ts";
import type { AllocatedTaskResources } from "#base/protocol/resources.ts";
import type { DeviceFigure, DeviceSource, FoundDevice, StartFailure, TaskDevice } from "#drivers/driver.ts";

export type AllocatedDevices = AllocatedTaskResources["Devices"];

/** More are not told to the servers: a node's row has to stay small. */
export const MAX_DEVICES = 256;

export interface MeasuredDevice {
  readonly device: TaskDevice;
  readonly figures: readonly DeviceFigure[];
}

/** The devices of this node as its sources last found them. */
export class DeviceInventory {
  readonly #env: Pick<Env, "log">;
  readonly #sources: readonly DeviceSource[];
  readonly #pulses = new Map<string, string>();
  readonly #found = new Map<string, readonly FoundDevice[]>();
  /** By key: taken away while somebody used it, and shown as ill until it is back or nobody's. */
  readonly #missing = new Map<string, FoundDevice>();

  constructor(env: Pick<Env, "log">, sources: readonly DeviceSource[]) {
    this.#env = env;
    this.#sources = sources;
  }

  /**
   * Looks again where something moved. `held`: keys that tasks use now. The answer: whether the node has to be told of
   * anew, and what was plugged out and in again in between.
   */
  async refresh(
    held: ReadonlySet<string>,
  ): Promise<{ readonly changed: boolean; readonly replaced: readonly string[] }> {
    const before = JSON.stringify(this.groups());
    const known = this.#byKey();
    for (const source of this.#sources) await this.#ask(source);
    const now = this.#byKey();
    for (const [key, device] of known) if (!now.has(key) && held.has(key)) this.#missing.set(key, device);
    for (const key of this.#missing.keys()) if (now.has(key) || !held.has(key)) this.#missing.delete(key);
    const replaced = [...known].flatMap(([key, { incarnation }]) => {
      const next = now.get(key);
      return next !== undefined && next.incarnation !== incarnation ? [key] : [];
    });
    return { changed: JSON.stringify(this.groups()) !== before, replaced };
  }

  /** As a node tells of them: one group for each device, so that jobs can ask for what is special to it. */
  groups(): NodeDevice[] {
    const healthy = [...this.#byKey().values()].map((device) => group(device, ""));
    const gone = [...this.#missing.values()].map((device) => group(device, "unplugged"));
    return [...healthy, ...gone].slice(0, MAX_DEVICES);
  }

  isPresent(key: string): boolean {
    return this.#byKey().has(key);
  }

  /** What is measured of those that are there; `keys` undefined: of all. Sources that cannot measure tell nothing. */
  async measure(keys?: ReadonlySet<string>): Promise<readonly MeasuredDevice[]> {
    const asked = this.#sources.flatMap((source) =>
      (this.#found.get(source.name) ?? [])
        .filter((device) => keys === undefined || keys.has(keyOf(device)))
        .map(async (device) => ({ device, figures: (await source.measure?.(device).catch(() => [])) ?? [] })),
    );
    return (await Promise.all(asked)).filter(({ figures }) => figures.length > 0);
  }

  /** What a task is given for what the plan reserved for it. */
  reserve(allocated: AllocatedDevices): Result<readonly TaskDevice[], StartFailure> {
    const known = this.#byKey();
    const devices: TaskDevice[] = [];
    for (const key of keysOf(allocated)) {
      const device = known.get(key);
      if (device === undefined) return { ok: false, error: missing(key) };
      devices.push(device);
    }
    return succeed(devices);
  }

  async #ask(source: DeviceSource): Promise<void> {
    try {
      const pulse = await source.pulse();
      if (this.#pulses.get(source.name) === pulse) return;
      this.#found.set(source.name, await source.find());
      this.#pulses.set(source.name, pulse);
    } catch (thrown) {
      this.#env.log.warn("cannot look for devices", { source: source.name, error: messageOf(thrown) });
    }
  }

  #byKey(): ReadonlyMap<string, FoundDevice> {
    return new Map([...this.#found.values()].flat().map((device) => [keyOf(device), device]));
  }
}

/** How an instance is known on its node. */
export function keysOf(allocated: AllocatedDevices): string[] {
  return allocated.flatMap(({ Vendor, Type, Name, DeviceIDs }) =>
    DeviceIDs.map((id) => keyOf({ vendor: Vendor, type: Type, name: Name, id })),
  );
}

function keyOf({ vendor, type, name, id }: Pick<TaskDevice, "vendor" | "type" | "name" | "id">): string {
  return `${vendor}/${type}/${name}/${id}`;
}

function group({ vendor, type, name, id, attributes }: FoundDevice, illness: string): NodeDevice {
  return {
    Vendor: vendor,
    Type: type,
    Name: name,
    Instances: [{ ID: id, Healthy: illness === "", HealthDescription: illness }],
    Attributes: attributes,
  };
}

/** It may be plugged in again: the task's restart policy says how long to wait for that. */
function missing(key: string): StartFailure {
  return {
    code: "DEVICE",
    message: `device ${key} is not there`,
    hint: "plug it in again; until then the task's restart policy decides",
    recoverable: true,
  };
}
