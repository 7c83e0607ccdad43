import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { DnsProof } from "#base/protocol/dns-proof.ts";
import type { LeaseName } from "#base/protocol/lease-name.ts";
import type { Settings } from "../settings/settings.ts";
import { LocalGate } from "./local-gate.ts";
import { LocalNames } from "./local-names.ts";

/** What others know about the house. Each watch calls its listener with everything, and again after every change. */
export interface HouseSources {
  readonly watchLeases?: (listener: (leases: readonly LeaseName[]) => void) => () => void;
  /** The cluster's nodes and their addresses. */
  readonly watchNodes?: (listener: (nodes: ReadonlyMap<string, readonly string[]>) => void) => () => void;
  /** Texts that prove names to be ours. */
  readonly watchProofs?: (listener: (proofs: readonly DnsProof[]) => void) => () => void;
  /** Where this node's agent answers `.consul`, `host:port`; undefined: nowhere. */
  readonly consul?: string | undefined;
}

type HouseEnv = Pick<Env, "disk">;

/** Every source of the house's names, and the table they make together. */
export class HouseNames {
  names: LocalNames;
  gate: LocalGate;
  readonly #seed: number;
  readonly #sources: HouseSources;
  readonly #stops: (() => void)[] = [];
  #settings: Settings["local"];
  #settingsText = "";
  #hosts = "";
  #leases: readonly LeaseName[] = [];
  #nodes: ReadonlyMap<string, readonly string[]> = new Map();
  #proofs: readonly DnsProof[] = [];
  #arp: ReadonlyMap<string, string> = new Map();
  #macs: ReadonlyMap<string, string> = new Map();
  #namesByAddress: ReadonlyMap<string, readonly string[]> = new Map();
  #listener: () => void = () => {};
  #env: HouseEnv | undefined;

  constructor(seed: number, sources: HouseSources, settings: Settings["local"]) {
    this.#seed = seed;
    this.#sources = sources;
    this.#settings = settings;
    this.names = this.#build();
    this.gate = this.#buildGate();
  }

  /** `host:port`, empty where there is none. */
  get consul(): string {
    return this.#settings.consul === "" ? (this.#sources.consul ?? "") : this.#settings.consul;
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  async start(env: HouseEnv): Promise<void> {
    this.#env = env;
    const { watchLeases, watchNodes, watchProofs } = this.#sources;
    if (watchLeases !== undefined)
      this.#stops.push(
        watchLeases((leases) => {
          this.#leases = leases;
          this.#changed();
        }),
      );
    if (watchNodes !== undefined)
      this.#stops.push(
        watchNodes((nodes) => {
          this.#nodes = nodes;
          this.#changed();
        }),
      );
    if (watchProofs !== undefined)
      this.#stops.push(
        watchProofs((proofs) => {
          this.#proofs = proofs;
          this.#changed();
        }),
      );
    await this.look();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /** The caller tells others; nobody is called back. */
  use(settings: Settings["local"]): void {
    const text = JSON.stringify(settings);
    // Most changes are of something else, and a house may have many names.
    const isSame = text === this.#settingsText;
    this.#settingsText = text;
    this.#settings = settings;
    if (!isSame) this.#rebuild();
  }

  /** The hosts file and the kernel's neighbours, as they are now. */
  async look(): Promise<void> {
    const hosts = await this.#read(this.#settings.hostsFile);
    const macs = readArp(await this.#read("/proc/net/arp"));
    const isSame =
      hosts === this.#hosts &&
      macs.size === this.#arp.size &&
      [...macs].every(([ip, mac]) => this.#arp.get(ip) === mac);
    this.#hosts = hosts;
    this.#arp = macs;
    if (!isSame) this.#changed();
  }

  /** By name. */
  get leases(): readonly LeaseName[] {
    return this.#leases;
  }

  macOf(address: string): string | undefined {
    return this.#macs.get(address);
  }

  namesOf(address: string): readonly string[] {
    return this.#namesByAddress.get(address) ?? [];
  }

  async #read(path: string): Promise<string> {
    if (path === "") return "";
    try {
      return textOf((await this.#env?.disk.read(path)) ?? new Uint8Array(0));
    } catch {
      return "";
    }
  }

  #changed(): void {
    this.#rebuild();
    this.#listener();
  }

  #rebuild(): void {
    this.names = this.#build();
    this.gate = this.#buildGate();
    const names = new Map<string, string[]>();
    const macs = new Map(this.#arp);
    for (const { name, address, mac } of this.#leases) {
      names.set(address, [...(names.get(address) ?? []), name.toLowerCase()]);
      if (mac !== "") macs.set(address, mac.toLowerCase());
    }
    this.#namesByAddress = names;
    this.#macs = macs;
  }

  #build(): LocalNames {
    const { domain } = this.#settings;
    const hasConsul = this.consul !== "" && domain !== "";
    return new LocalNames({
      settings: this.#settings,
      hosts: this.#hosts,
      leases: this.#leases,
      nodes: this.#nodes,
      proofs: this.#proofs,
      hasConsul,
    });
  }

  #buildGate(): LocalGate {
    const { exact, zones } = this.names.gate();
    return new LocalGate(this.#seed, exact, zones);
  }
}

/** Complete entries of the kernel's IPv4 neighbours (proc(5)). */
function readArp(text: string): Map<string, string> {
  const macs = new Map<string, string>();
  for (const line of text.split("\n").slice(1)) {
    const [address, , flags, mac] = line.split(/\s+/);
    if (address !== undefined && mac !== undefined && flags === "0x2") macs.set(address, mac.toLowerCase());
  }
  return macs;
}
