import type { Env } from "#base/env/env.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { TaskStart } from "../driver.ts";
import type { QemuOptions } from "./plugin-options.ts";

/** What a machine is built with. */
export interface Workshop {
  readonly env: Env;
  readonly task: TaskStart;
  readonly config: ConfigReader;
  readonly options: QemuOptions;
  readonly folder: string;
  readonly hasKvm: (architecture: string) => Promise<boolean>;
  readonly canConfine: (program: string) => Promise<boolean>;
}

/** A host name of the task's own: `job-group-0`. */
export function hostnameOf(task: TaskStart): string {
  const name = task.allocName.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  return name.slice(0, 63) || "guest";
}
