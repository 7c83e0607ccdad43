import type { NomadDependency } from "../dependencies/dependency.ts";
import { nomadRequest } from "../dependencies/request.ts";
import type { Source } from "../engine/source.ts";
import { followQuery, type BlockingOptions } from "./blocking.ts";
import type { ReadAnswer } from "./consul.ts";

export interface NomadSourceOptions<V> extends BlockingOptions {
  readonly read: ReadAnswer<NomadDependency, V>;
  readonly isNothing: (value: V) => boolean;
}

/** Nomad's services and variables. */
export function createNomadSource<V>(options: NomadSourceOptions<V>): Source<NomadDependency, V> {
  return {
    follow(dependency, sink, signal) {
      const waits = dependency.kind === "nomad.var.get" && dependency.block;
      const read = (body: string | undefined): V | undefined => {
        const value = options.read(dependency, body);
        return waits && options.isNothing(value) ? undefined : value;
      };
      return followQuery({ request: nomadRequest(dependency), read }, { ...options, sink }, signal);
    },
  };
}
