/** What is known of one line to the outside. Empty texts: not (yet) known. */
export interface LineFacts {
  /** With the length of its network. */
  readonly address: string;
  readonly gateway: string;
  /** More routes the provider gave (RFC 3442), network → gateway. */
  readonly routes: readonly { readonly to: string; readonly via: string }[];
  readonly address6: string;
  /** The delegated prefix (RFC 8415, 6.3). */
  readonly prefix: string;
  /** The prefixes it had before, which hosts shall forget (RFC 9096, 3.5). */
  readonly formerPrefixes: readonly string[];
  /** False: there is no cable, or nothing at its other end. */
  readonly connected: boolean;
  /** False: not connected, or what its health block asks for does not answer. */
  readonly healthy: boolean;
}

export interface ServiceInstance {
  readonly address: string;
  readonly port: number;
}

/** All a plan depends on beside the configuration. */
export interface RouterFacts {
  /** By the name of the wan. */
  readonly lines: Readonly<Record<string, LineFacts>>;
  /** Healthy instances by {@link serviceKey}, in a stable order. */
  readonly services: Readonly<Record<string, readonly ServiceInstance[]>>;
  /** Interfaces that exist. */
  readonly devices: ReadonlySet<string>;
  /** Content of the password files that the configuration names. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Where the router keeps its files. */
  readonly stateDir: string;
}

export const UNKNOWN_LINE: LineFacts = {
  address: "",
  gateway: "",
  routes: [],
  address6: "",
  prefix: "",
  formerPrefixes: [],
  connected: true,
  healthy: true,
};

export function serviceKey({ service, tag }: { readonly service: string; readonly tag: string }): string {
  return tag === "" ? service : `${tag}.${service}`;
}
