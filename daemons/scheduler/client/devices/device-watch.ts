import type { Env } from "#base/env/env.ts";
import type { NodeDevice } from "#base/protocol/node.ts";
import type { DeviceSource } from "#drivers/driver.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";
import type { Happening } from "../task/task-event.ts";
import type { TaskRunner } from "../task/task-runner.ts";
import { DeviceInventory, keysOf } from "./device-inventory.ts";

/** A task that is not over, and the keys of what the plan reserved for it. */
interface DeviceUser {
  readonly id: string;
  readonly keys: readonly string[];
  readonly task: TaskRunner;
}

/** Devices are looked for this often: reads a few small folders of the kernel's. */
export const DEVICE_EVERY_MS = 2000;

/** Tells tasks of devices they lost and of those that came back. */
export class DeviceWatch {
  readonly inventory: DeviceInventory;
  readonly #runners: ReadonlyMap<string, AllocRunner>;
  /** `<alloc>/<task> <key>`: whose loss was told. */
  readonly #lost = new Set<string>();

  constructor(env: Pick<Env, "log">, sources: readonly DeviceSource[], runners: ReadonlyMap<string, AllocRunner>) {
    this.inventory = new DeviceInventory(env, sources);
    this.#runners = runners;
  }

  /** What the node has now; undefined: what it had. */
  async look(): Promise<readonly NodeDevice[] | undefined> {
    const held = new Set(this.#users().flatMap(({ keys }) => keys));
    const { changed, replaced } = await this.inventory.refresh(held);
    const users = this.#users();
    const known = new Set(users.flatMap(({ id, keys }) => keys.map((key) => `${id} ${key}`)));
    for (const told of this.#lost) if (!known.has(told)) this.#lost.delete(told);
    for (const user of users) this.#tell(user, new Set(replaced));
    return changed ? this.inventory.groups() : undefined;
  }

  #tell({ id, keys, task }: DeviceUser, replaced: ReadonlySet<string>): void {
    for (const key of keys) {
      const mark = `${id} ${key}`;
      const there = this.inventory.isPresent(key);
      const uses = task.record().phase.kind === "running";
      const told = this.#lost.has(mark);
      if ((!there && !told) || (replaced.has(key) && uses)) task.send({ kind: "note", happening: lost(key) });
      if ((!there || replaced.has(key)) && uses) {
        task.send({ kind: "restart", reason: `device ${key} was unplugged` });
      }
      if (there && told) task.send({ kind: "note", happening: returned(key) });
      if (there) this.#lost.delete(mark);
      else this.#lost.add(mark);
    }
  }

  #users(): readonly DeviceUser[] {
    return [...this.#runners].flatMap(([allocId, { tasks, current }]) =>
      Object.entries(current.alloc.AllocatedResources.Tasks).flatMap(([name, { Devices }]): DeviceUser[] => {
        const task = Devices.length === 0 ? undefined : tasks.get(name);
        if (task === undefined || task.record().phase.kind === "dead") return [];
        return [{ id: `${allocId}/${name}`, keys: keysOf(Devices), task }];
      }),
    );
  }
}

function lost(key: string): Happening {
  const message = `Device ${key} was unplugged`;
  return { Type: "Device Lost", DisplayMessage: message, Message: message, Details: { device: key } };
}

function returned(key: string): Happening {
  const message = `Device ${key} is back`;
  return { Type: "Device Returned", DisplayMessage: message, Message: message, Details: { device: key } };
}
