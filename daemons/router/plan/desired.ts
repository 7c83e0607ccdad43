import type { Failure } from "#base/env/errors.ts";

export interface WantedLink {
  readonly name: string;
  /** `present`: not ours to make; it only has to be up, and a port of `master` if that is not empty. */
  readonly kind: "present" | "vlan" | "bridge" | "wireguard" | "ifb";
  readonly parent: string;
  readonly vlan: number;
  readonly master: string;
  /** Empty, 0: as it is. */
  readonly mac: string;
  readonly mtu: number;
}

export interface WantedAddress {
  readonly device: string;
  readonly address: string;
}

export interface WantedRoute {
  readonly family: 4 | 6;
  /** 254 is the main one. */
  readonly table: number;
  readonly kind: "unicast" | "unreachable";
  readonly to: string;
  readonly via: string;
  readonly device: string;
  readonly metric: number;
}

/** A policy rule (ip-rule(8)). */
export interface WantedPolicy {
  readonly family: 4 | 6;
  readonly priority: number;
  readonly match: readonly string[];
  readonly table: number;
  /** Default routes of the table do not count. */
  readonly exceptDefault: boolean;
}

export interface WantedShaper {
  readonly device: string;
  /** 0: that direction is not shaped. */
  readonly uploadKbit: number;
  readonly downloadKbit: number;
  readonly queue: string;
  /** A keyword of tc-cake(8) for what the line adds to each packet; empty: none. */
  readonly link: string;
}

export interface WantedTunnel {
  readonly device: string;
  readonly port: number;
  readonly keyFile: string;
  readonly peers: readonly {
    readonly publicKey: string;
    readonly presharedKeyFile: string;
    readonly allowed: readonly string[];
    readonly endpoint: string;
    readonly keepaliveSeconds: number;
  }[];
}

export interface ProgramFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  /** Never shown. */
  readonly secret: boolean;
}

/** A program of Debian's that has to run as long as it is wanted. */
export interface WantedProgram {
  readonly name: string;
  readonly argv: readonly string[];
  readonly files: readonly ProgramFile[];
  /** The interface it cannot start without; empty: none. */
  readonly device: string;
  /** It reads its files again at SIGHUP. */
  readonly reloads?: boolean;
}

/** Everything that shall stand. */
export interface Desired {
  readonly ruleset: string;
  readonly links: readonly WantedLink[];
  readonly addresses: readonly WantedAddress[];
  readonly routes: readonly WantedRoute[];
  readonly policies: readonly WantedPolicy[];
  /** Below /proc/sys: path → value. */
  readonly settings: ReadonlyMap<string, string>;
  readonly shapers: readonly WantedShaper[];
  readonly tunnels: readonly WantedTunnel[];
  readonly programs: readonly WantedProgram[];
  /** What could not be planned as it was asked for, and why. */
  readonly notes: readonly Failure[];
}

export const MAIN_TABLE = 254;

export const NOTHING: Desired = {
  ruleset: "",
  links: [],
  addresses: [],
  routes: [],
  policies: [],
  settings: new Map(),
  shapers: [],
  tunnels: [],
  programs: [],
  notes: [],
};
