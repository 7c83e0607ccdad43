import type { Exposed, RouteProblem } from "../routes/collect.ts";

/** One server as it should be: what may change while HAProxy runs. */
export interface Server {
  /** `10.0.0.1:8080`, unique in its backend. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  /** 0 to 256. */
  readonly weight: number;
}

export interface Backend {
  readonly name: string;
  /** What it is for, as a comment. */
  readonly label: string;
  readonly lines: readonly string[];
  /** After the address of each of its servers. */
  readonly serverOptions: string;
  readonly servers: readonly Server[];
}

export interface Section {
  /** `frontend web`. */
  readonly head: string;
  readonly lines: readonly string[];
}

/** A place in a backend that a server takes and leaves without a reload. */
export interface Slot {
  readonly name: string;
  /** Undefined: free. */
  readonly server: Server | undefined;
}

export interface RouteSummary {
  readonly route: string;
  readonly services: readonly string[];
  readonly backend: string;
  readonly priority: number;
  readonly ready: number;
  readonly instances: number;
}

/** Keys to backends, for one map. */
export type MapEntries = ReadonlyMap<string, string>;

/** All that HAProxy is to serve. */
export interface IngressConfig {
  readonly sections: readonly Section[];
  readonly backends: readonly Backend[];
  /** By file name below the configuration's folder. What is in them may change while HAProxy runs. */
  readonly maps: ReadonlyMap<string, MapEntries>;
  /** Other files: certificates of authorities. */
  readonly files: ReadonlyMap<string, string>;
  readonly routes: readonly RouteSummary[];
  readonly exposed: readonly { readonly route: Exposed; readonly backend: string }[];
  readonly problems: readonly RouteProblem[];
}
