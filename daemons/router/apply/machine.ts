import type { Env } from "#base/env/env.ts";
import type { Result } from "#base/env/errors.ts";
import type { StateFolder } from "./state-folder.ts";

/** The items of one of the cluster's variables. */
export type VariableReader = (path: string) => Promise<Result<Readonly<Record<string, string>>>>;

/** The machine and the router's memory. */
export interface Machine {
  readonly env: Env;
  readonly state: StateFolder;
  /** Absent: nobody here may ask the cluster. */
  readonly variables?: VariableReader;
}
