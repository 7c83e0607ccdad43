import { readFile } from "node:fs/promises";
import type { Clock, Timer } from "#base/env/clock.ts";
import type { PacketSocket } from "./packet-socket.ts";
import { arpProbe, arpSender } from "./udp-frame.ts";

/** Nothing is looked at unless somebody asked. */
const POLL_MS = 5;
/** Questions open at once; past it nobody is asked, which is what a lost packet would be. */
const MAX_OPEN = 1024;
/** Frames taken in one turn. */
const MAX_FRAMES = 512;

/** Asks the wire who has an address: a probe of its own, and whatever else is heard meanwhile. */
export class ArpProber {
  readonly #socket: PacketSocket;
  readonly #mac: string;
  readonly #clock: Clock;
  readonly #open = new Map<string, { readonly untilMs: number; readonly settle: (mac: string | undefined) => void }>();
  #timer: Timer | undefined;

  constructor(deps: { readonly socket: PacketSocket; readonly mac: string; readonly clock: Clock }) {
    this.#socket = deps.socket;
    this.#mac = deps.mac;
    this.#clock = deps.clock;
  }

  whoHas(ip: string, waitMs: number): Promise<string | undefined> {
    if (this.#open.size >= MAX_OPEN || this.#open.has(ip)) return Promise.resolve(undefined);
    // What came while nobody asked says nothing about now.
    if (this.#open.size === 0) for (let i = 0; i < MAX_FRAMES && this.#socket.receive() !== undefined; i++);
    this.#socket.send(arpProbe(this.#mac, ip));
    return new Promise((settle) => {
      this.#open.set(ip, { untilMs: this.#clock.monotonicMs() + waitMs, settle });
      this.#timer ??= this.#clock.after(POLL_MS, () => this.#poll());
    });
  }

  close(): void {
    this.#timer?.cancel();
    for (const { settle } of this.#open.values()) settle(undefined);
    this.#open.clear();
    this.#socket.close();
  }

  #poll(): void {
    for (let i = 0; i < MAX_FRAMES; i++) {
      const frame = this.#socket.receive();
      if (frame === undefined) break;
      const sender = arpSender(frame);
      // Not ourselves: a probe of our own comes back on some switches.
      if (sender !== undefined && sender.mac !== this.#mac) this.#settle(sender.ip, sender.mac);
    }
    const now = this.#clock.monotonicMs();
    for (const [ip, { untilMs }] of this.#open) if (untilMs <= now) this.#settle(ip, undefined);
    this.#timer = this.#open.size === 0 ? undefined : this.#clock.after(POLL_MS, () => this.#poll());
  }

  #settle(ip: string, mac: string | undefined): void {
    this.#open.get(ip)?.settle(mac);
    this.#open.delete(ip);
  }
}

const COMPLETE = 0x2;

/** What the kernel found out about a neighbour, of /proc/net/arp: proc(5). */
export async function knownNeighbour(ip: string): Promise<string | undefined> {
  const table = await readFile("/proc/net/arp", "latin1").catch(() => "");
  for (const line of table.split("\n").slice(1)) {
    const [address, , flags, mac] = line.split(/\s+/);
    if (address === ip && (Number(flags) & COMPLETE) !== 0) return mac;
  }
  return undefined;
}
