import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { Lan, LanPort } from "#base/env/lan.ts";
import type { Address } from "#base/env/net.ts";
import type { Decision, LeaseChange, LeaseEvent, Reply } from "../answer/decision.ts";
import { Responder } from "../answer/responder.ts";
import type { Arrival } from "../answer/subnets.ts";
import type { Authority } from "../leases/authority.ts";
import type { Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import { formatIpv4, isInside, parseIpv4, readIpv4, type Ipv4 } from "../packet/ipv4.ts";
import * as code from "../packet/option-codes.ts";
import { decodePacket, type DhcpPacket } from "../packet/packet.ts";
import { macText } from "../answer/client-key.ts";
import type { Settings } from "../settings/settings.ts";
import type { Keeper } from "../store/keeper.ts";
import { ConflictWatch } from "./conflict-watch.ts";
import { createCounters, type Counters } from "./counters.ts";
import { Flood } from "./flood.ts";
import type { LeaseClock } from "./lease-clock.ts";
import { Ports } from "./ports.ts";
import type { Told } from "./prometheus.ts";
import { Rogues } from "./rogues.ts";

export interface ServerDeps {
  readonly env: Env;
  readonly lan: Lan;
  readonly settings: Settings;
  readonly table: LeaseTable;
  readonly authority: Authority;
  readonly keeper: Keeper;
  readonly clock: LeaseClock;
  /** Default 67. */
  readonly port?: number;
  /** Where machines that have an address ask what to boot. Default 4011. */
  readonly bootPort?: number;
  /** Learns from whoever shares the leases who has an address; the table knows afterwards. */
  readonly lookUp?: (ip: Ipv4, subnet: string) => Promise<void>;
  /** Server identifiers of the others that share. */
  readonly isPeer?: (serverId: Ipv4) => boolean;
  readonly onLease: (event: LeaseEvent | "expired", lease: Lease) => void;
}

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
/** PXE 2.1 §2.2.4. */
const BOOT_PORT = 4011;
const SWEEP_MS = 1000;
/** Questions to the store at once; past it clients ask again. */
const MAX_LOOK_UPS = 256;

/** Sockets around {@link Responder}: takes packets, makes changes durable, and only then sends. */
export class DhcpServer {
  readonly counters: Counters = createCounters();
  readonly #deps: ServerDeps;
  readonly #responder: Responder;
  readonly #ports: Ports;
  readonly #bootPorts: Ports;
  readonly #flood: Flood;
  readonly #rogues: Rogues;
  readonly #conflicts: ConflictWatch;
  #sweeper: Timer | undefined;
  #lookUps = 0;
  /** On the lease clock: what was granted since then was granted by this clock. */
  #startedMs: number;

  constructor(deps: ServerDeps) {
    const { env, lan, port = SERVER_PORT, bootPort = BOOT_PORT } = deps;
    this.#deps = deps;
    this.#startedMs = deps.clock.nowMs();
    this.#responder = new Responder(deps);
    this.#ports = new Ports({ env, lan, port });
    this.#bootPorts = new Ports({ env, lan, port: bootPort });
    this.#flood = new Flood(env.clock);
    this.#rogues = new Rogues(env.clock, ({ ip, interface: name }) => {
      this.counters.rogues += 1;
      env.log.warn("another DHCP server is on this network", { server: ip, interface: name });
    });
    this.#conflicts = new ConflictWatch(env.clock, (ip, mac) => this.#conflict(ip, mac));
  }

  async start(): Promise<void> {
    await this.#ports.start(this.#deps.settings, (port, data) => this.#receive(port, data));
    const { settings } = this.#deps;
    const subnets = settings.subnets.filter((subnet) => subnet.isProxy === true && subnet.interface !== undefined);
    await this.#bootPorts.start({ subnets }, (port, data, from) => this.#boot(port, data, from));
    this.#sweep();
  }

  async stop(): Promise<void> {
    this.#sweeper?.cancel();
    await this.#ports.stop();
    await this.#bootPorts.stop();
    await this.#deps.keeper.close();
  }

  get interfaces(): readonly string[] {
    return this.#ports.names;
  }

  told(): Told {
    const { table, clock } = this.#deps;
    const rogues = this.#rogues.list();
    return { family: "ipv4", counters: this.counters, table, nowMs: clock.nowMs(), rogues };
  }

  /** Undefined: it is none. */
  #read(port: LanPort, data: Uint8Array): DhcpPacket | undefined {
    this.counters.received += 1;
    const decoded = decodePacket(data);
    if (decoded.ok) return decoded.value;
    this.counters.malformed += 1;
    this.#deps.env.log.debug("a packet that is none", { reason: decoded.error.message, interface: port.interface });
    return undefined;
  }

  #receive(port: LanPort, data: Uint8Array): void {
    const packet = this.#read(port, data);
    if (packet === undefined) return;
    const self = this.#ports.addressOn(port.interface, this.#deps.settings);
    // What is broadcast belongs to the interface it came in on.
    if (self === undefined || (port.interface === "" && packet.giaddr === 0 && packet.ciaddr === 0)) return;
    if (packet.giaddr === 0 && !this.#flood.admits(macText(packet.chaddr))) {
      this.counters.flooded += 1;
      return;
    }
    const arrival = { interface: port.interface, self };
    this.#noteServer(packet, arrival);
    this.#answer(port, packet, { arrival, isLast: false });
  }

  #boot(port: LanPort, data: Uint8Array, from: Address): void {
    const packet = this.#read(port, data);
    const self = this.#bootPorts.addressOn(port.interface, this.#deps.settings);
    const ip = parseIpv4(from.host);
    if (packet === undefined || self === undefined || ip === undefined) return;
    if (!this.#flood.admits(macText(packet.chaddr))) {
      this.counters.flooded += 1;
      return;
    }
    const arrival = { interface: port.interface, self };
    const decision = this.#responder.boot(packet, arrival, { ip, port: from.port });
    if (decision.kind === "reply") this.#send(port, decision.reply);
    else this.counters.ignored += 1;
  }

  #answer(port: LanPort, packet: DhcpPacket, at: { readonly arrival: Arrival; readonly isLast: boolean }): void {
    const nowMs = this.#deps.clock.nowMs();
    const decision = this.#responder.handle(packet, at.arrival, { nowMs, isLast: at.isLast });
    switch (decision.kind) {
      case "ignore":
        this.counters.ignored += 1;
        this.#deps.env.log.debug("no answer", { reason: decision.reason, client: macText(packet.chaddr) });
        return;
      case "reply":
        if (decision.reply.type === code.OFFER) this.#probe(port, packet, decision.reply);
        this.#send(port, decision.reply);
        return;
      case "grant":
        void this.#grant(port, decision);
        return;
      case "change":
        void this.#change(decision.change);
        return;
      case "look-up":
        void this.#lookUp(port, packet, { ...at, ip: decision.ip, subnet: decision.subnet });
        return;
      default:
        decision satisfies never;
    }
  }

  async #grant(
    port: LanPort,
    { change, reply, refusal }: Extract<Decision, { readonly kind: "grant" }>,
  ): Promise<void> {
    const { keeper, table } = this.#deps;
    const kept = await keeper.keep(change);
    const { lease } = change;
    if (kept === "kept") {
      table.settle(lease);
      const now = table.get(lease.ip);
      // Somebody was found to use the address meanwhile.
      if (now?.client !== lease.client || now.state === "declined") return this.#send(port, refusal());
      this.counters.granted += 1;
      this.#say(change);
      this.#deps.onLease(change.event, lease);
      return this.#send(port, reply);
    }
    if (kept === "taken") return this.#send(port, refusal());
    // Nobody was told. The address stays this client's, since what was written may be there all the same.
    this.counters.unkept += 1;
  }

  async #change(change: LeaseChange): Promise<void> {
    const kept = await this.#deps.keeper.keep(change);
    this.#say(change);
    if (kept === "kept") this.#deps.onLease(change.event, change.lease);
  }

  #say({ event, lease }: LeaseChange): void {
    const { log } = this.#deps.env;
    if (log.enabled("debug")) log.debug("lease", { event, address: formatIpv4(lease.ip), client: lease.client });
  }

  async #lookUp(
    port: LanPort,
    packet: DhcpPacket,
    at: { readonly arrival: Arrival; readonly ip: Ipv4; readonly subnet: string },
  ): Promise<void> {
    if (this.#lookUps >= MAX_LOOK_UPS || this.#deps.lookUp === undefined) return;
    this.#lookUps += 1;
    await this.#deps.lookUp(at.ip, at.subnet);
    this.#lookUps -= 1;
    this.#answer(port, packet, { arrival: at.arrival, isLast: true });
  }

  #send(port: LanPort, reply: Reply | undefined): void {
    if (reply === undefined) return;
    const { bytes, to, type, dropped } = reply;
    if (type === code.OFFER) this.counters.offered += 1;
    else if (type === code.NAK) this.counters.refused += 1;
    if (dropped.length > 0) this.#deps.env.log.debug("options found no room", { options: dropped.join(",") });
    if (to.kind === "host") return port.send(bytes, { host: formatIpv4(to.ip), port: to.port });
    if (to.kind === "hardware" && port.sendTo(bytes, { host: formatIpv4(to.ip), port: CLIENT_PORT, mac: to.mac }))
      return;
    port.send(bytes, { host: "255.255.255.255", port: CLIENT_PORT });
  }

  /** Only on the wire itself, and only where the client did not have the address before. */
  #probe(port: LanPort, packet: DhcpPacket, reply: Reply): void {
    const { settings, table } = this.#deps;
    const ip = readIpv4(reply.bytes, 16);
    if (!settings.probe || ip === 0 || packet.giaddr !== 0 || table.get(ip) !== undefined) return;
    this.#conflicts.look(port, ip, macText(packet.chaddr));
  }

  #conflict(ip: Ipv4, mac: string): void {
    const { table, settings, clock, env } = this.#deps;
    const subnet = settings.subnets.find(({ network }) => isInside(ip, network));
    const before = table.get(ip);
    if (subnet === undefined || before?.mac === mac) return;
    const nowMs = clock.nowMs();
    this.counters.conflicts += 1;
    env.log.warn("an address about to be given is in use by somebody who was not given it", {
      ip: formatIpv4(ip),
      mac,
    });
    const lease: Lease = {
      ip,
      subnet: subnet.id,
      client: `conflict:${mac}`,
      mac,
      name: "",
      vendor: "",
      state: "declined",
      startMs: nowMs,
      endMs: nowMs + settings.declineMs,
    };
    table.put(lease, nowMs);
    void this.#change({ lease, before, event: "declined" });
  }

  #noteServer(packet: DhcpPacket, { self, interface: name }: Arrival): void {
    const bytes = packet.options.get(code.SERVER_ID);
    if (packet.giaddr !== 0 || bytes?.length !== 4 || packet.options.get(code.MESSAGE_TYPE)?.[0] !== code.REQUEST)
      return;
    const isProxied = this.#deps.settings.subnets.some((each) => each.interface === name && each.isProxy === true);
    const serverId = readIpv4(bytes, 0);
    if (isProxied) return;
    if (serverId !== self && this.#deps.isPeer?.(serverId) !== true) this.#rogues.saw(serverId, name);
  }

  #sweep(): void {
    const { table, clock, env } = this.#deps;
    const jumpMs = clock.adjust();
    if (jumpMs > 0) this.#shift(jumpMs);
    for (const lease of table.sweep(clock.nowMs())) if (lease.state === "bound") this.#deps.onLease("expired", lease);
    this.#sweeper = env.clock.after(SWEEP_MS, () => this.#sweep());
  }

  /** The clock was set. What was granted by it lasts as long as it was said to, counted anew. */
  #shift(jumpMs: number): void {
    const { table, clock, env, keeper } = this.#deps;
    const nowMs = clock.nowMs();
    // Stamps from beyond the jump are somebody else's, whose clock was right.
    const shifted = [...table.leases()]
      .filter(({ startMs }) => startMs >= this.#startedMs && startMs <= nowMs - jumpMs)
      .map((lease) => ({
        ...lease,
        startMs: lease.startMs + jumpMs,
        endMs: Math.min(Number.MAX_SAFE_INTEGER, lease.endMs + jumpMs),
      }));
    this.#startedMs += jumpMs;
    for (const lease of shifted) table.put(lease, nowMs);
    env.log.info("the clock was set; leases granted by the wrong one were counted anew", {
      seconds: Math.round(jumpMs / 1000),
      leases: shifted.length,
    });
    void keeper.restamp(shifted);
  }
}
