import type { Settings6 } from "../settings/settings.ts";
import { sleep, type Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { GroupPeer, GroupSocket, GroupSockets } from "#base/env/group-socket.ts";
import type { LeaseChange, LeaseEvent } from "../answer/decision.ts";
import type { Authority } from "../leases/authority.ts";
import type { Lease } from "../leases/lease.ts";
import type { LeaseTable } from "../leases/lease-table.ts";
import type { Ipv4 } from "../packet/ipv4.ts";
import { createCounters, type Counters } from "../server/counters.ts";
import { Flood } from "../server/flood.ts";
import type { LeaseClock } from "../server/lease-clock.ts";
import type { Told } from "../server/prometheus.ts";
import type { Keeper } from "../store/keeper.ts";
import { ALL_SERVERS, MESSAGE, OPTION, SERVER_PORT } from "./codes.ts";
import { decodePacket6, findOption, type Packet6 } from "./message.ts";
import type { Reconfigurer } from "./reconfigurer.ts";
import { Responder6, type Decision6 } from "./responder.ts";

export interface ServerDeps6 {
  readonly env: Env;
  readonly sockets: GroupSockets;
  readonly settings: Settings6;
  readonly table: LeaseTable;
  readonly authority: Authority;
  readonly keeper: Keeper;
  readonly clock: LeaseClock;
  readonly duid: Uint8Array;
  readonly reconfigurer: Reconfigurer;
  /** Default 547. */
  readonly port?: number;
  readonly lookUp?: (number: Ipv4) => Promise<void>;
  readonly onLease: (event: LeaseEvent | "expired", lease: Lease) => void;
}

const RETRY_MS = 2000;
const SWEEP_MS = 1000;
/** Questions to the store at once; past it clients ask again. */
const MAX_LOOK_UPS = 256;

/** The socket around {@link Responder6}: makes changes durable, and only then sends. */
export class DhcpServer6 {
  readonly counters: Counters = createCounters();
  readonly #deps: ServerDeps6;
  readonly #responder: Responder6;
  readonly #flood: Flood;
  readonly #stopped = new AbortController();
  #socket: GroupSocket | undefined;
  #sweeper: Timer | undefined;
  #lookUps = 0;

  constructor(deps: ServerDeps6) {
    this.#deps = deps;
    const { reconfigurer } = deps;
    const reconfigure = reconfigurer.optionsFor.bind(reconfigurer);
    this.#responder = new Responder6({ ...deps, reconfigure });
    this.#flood = new Flood(deps.env.clock);
  }

  /** Rejects where the port cannot be had; interfaces that are not there yet are waited for. */
  async start(): Promise<void> {
    const { sockets, settings, port = SERVER_PORT } = this.#deps;
    const socket = await sockets.open({ group: ALL_SERVERS, port }, (data, from) => this.#receive(data, from));
    this.#socket = socket;
    const names = new Set(settings.links.flatMap((link) => link.interface ?? []));
    await Promise.all(Array.from(names, (name) => this.#join(socket, name)));
    this.#deps.reconfigurer.start((data, to) => socket.send(data, to));
    this.#sweep();
  }

  told(): Told {
    const { table, clock } = this.#deps;
    return { family: "ipv6", counters: this.counters, table, nowMs: clock.nowMs(), rogues: [] };
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#sweeper?.cancel();
    await this.#deps.reconfigurer.stop();
    await this.#socket?.close();
    await this.#deps.keeper.close();
  }

  async #join(socket: GroupSocket, name: string, isAgain = false): Promise<void> {
    try {
      await socket.join(name);
    } catch (thrown) {
      const { log } = this.#deps.env;
      if (!isAgain)
        log.error("cannot serve DHCPv6 on an interface yet; trying again", {
          interface: name,
          error: messageOf(thrown),
        });
      void this.#joinLater(socket, name);
    }
  }

  async #joinLater(socket: GroupSocket, name: string): Promise<void> {
    await sleep(this.#deps.env.clock, RETRY_MS, this.#stopped.signal);
    if (!this.#stopped.signal.aborted) await this.#join(socket, name, true);
  }

  #receive(data: Uint8Array, from: GroupPeer): void {
    this.counters.received += 1;
    const decoded = decodePacket6(data);
    if (!decoded.ok) {
      this.counters.malformed += 1;
      this.#deps.env.log.debug("a packet that is none", { reason: decoded.error.message, interface: from.interface });
      return;
    }
    const packet = decoded.value;
    const clientId = findOption(packet.message.options, OPTION.clientId);
    if (!this.#flood.admits(clientId === undefined ? from.host : Buffer.from(clientId).toString("hex"))) {
      this.counters.flooded += 1;
      return;
    }
    void this.#answer(packet, from, false);
  }

  async #answer(packet: Packet6, from: GroupPeer, isLast: boolean): Promise<void> {
    const { clock, env } = this.#deps;
    const at = { interface: from.interface, nowMs: clock.nowMs(), isLast };
    const decision = this.#responder.handle(packet, at);
    switch (decision.kind) {
      case "ignore":
        this.counters.ignored += 1;
        env.log.debug("no answer", { reason: decision.reason, type: packet.message.type });
        return;
      case "look-up":
        return this.#lookUp(packet, from, decision.numbers);
      case "answer":
        if (packet.message.type === MESSAGE.solicit) this.counters.offered += 1;
        if (await this.#say(decision, from)) this.#deps.reconfigurer.note(packet, from);
        return;
      default:
        decision satisfies never;
    }
  }

  async #lookUp(packet: Packet6, from: GroupPeer, numbers: readonly Ipv4[]): Promise<void> {
    const { lookUp } = this.#deps;
    if (lookUp === undefined || this.#lookUps >= MAX_LOOK_UPS) return;
    this.#lookUps += 1;
    for (const number of numbers) await lookUp(number);
    this.#lookUps -= 1;
    await this.#answer(packet, from, true);
  }

  /** False: there was nothing to say. */
  async #say(decision: Extract<Decision6, { readonly kind: "answer" }>, from: GroupPeer): Promise<boolean> {
    const taken = new Set<Ipv4>();
    const kept = await Promise.all(
      decision.changes.map(async (change) => ({ change, kept: await this.#keep(change) })),
    );
    for (const { change, kept: result } of kept) {
      // Nobody was told. The address stays this client's, since what was written may be there all the same.
      if (result === "failed") {
        this.counters.unkept += 1;
        return false;
      }
      if (result === "taken") taken.add(change.lease.ip);
    }
    this.#socket?.send(decision.write(taken), from);
    return true;
  }

  async #keep(change: LeaseChange): ReturnType<Keeper["keep"]> {
    const { keeper, table, onLease, env, settings } = this.#deps;
    const { lease, event } = change;
    const result = await keeper.keep(change);
    if (result !== "kept") return result;
    table.settle(lease);
    const now = table.get(lease.ip);
    if (now?.client !== lease.client) return "taken";
    this.counters.granted += 1;
    const address = settings.leases.family.addresses.format(lease.ip);
    if (env.log.enabled("debug")) env.log.debug("lease", { event, address, client: lease.client });
    onLease(event, lease);
    return result;
  }

  #sweep(): void {
    const { table, clock, env, onLease } = this.#deps;
    clock.adjust();
    for (const lease of table.sweep(clock.nowMs())) if (lease.state === "bound") onLease("expired", lease);
    this.#sweeper = env.clock.after(SWEEP_MS, () => this.#sweep());
  }
}
