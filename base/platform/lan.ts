import { createSocket, type Socket } from "node:dgram";
import { sleep, type Clock } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Lan, LanPort, Neighbour } from "#base/env/lan.ts";
import type { Address, InterfaceAddress, Net } from "#base/env/net.ts";
import { openBatchedSocket, type BatchedSocket } from "./datagram-fd.ts";
import { ArpProber, knownNeighbour } from "./neighbours.ts";
import { openPacketSocket, type PacketSocket } from "./packet-socket.ts";
import { cannotListen } from "./streams.ts";
import { udpFrame } from "./udp-frame.ts";

const ETHERTYPE_ARP = 0x0806;
/** UDP "discard": the packet does not matter, the kernel's question who has the address does. */
const DISCARD_PORT = 9;
const POLL_MS = 20;
const OWN_FOR_MS = 1000;

type Handler = (data: Uint8Array, from: Address) => void;

/** Interfaces of this machine. `ffi: false` does without what only foreign calls give, as where those are missing. */
export function createLan(deps: { readonly clock: Clock; readonly net: Net; readonly ffi?: boolean }): Lan {
  const plain = new Set<number>();
  return {
    async open(at, onDatagram) {
      const own = deps.ffi === false ? undefined : await openDevice(at, onDatagram);
      if (own !== undefined) return new DevicePort(deps, await bound(own, at)).ready();
      if (plain.has(at.port))
        throw new CodedError(
          "ENOTSUP",
          `cannot open port ${at.port} on ${at.interface}: this system tells interfaces apart only through node:ffi`,
        );
      plain.add(at.port);
      const sockets = await bindPlain(deps.net, at, onDatagram);
      return new PlainPort(deps, { ...at, sockets, onClose: () => plain.delete(at.port) });
    },
  };
}

interface Bound {
  readonly at: { readonly interface: string; readonly port: number };
  readonly socket: Socket;
}

/** What arrives is taken in batches; answers go their own ways. */
function openDevice(at: Bound["at"], onDatagram: Handler): Promise<BatchedSocket | undefined> {
  const answer = (data: Uint8Array, from: Address): number => {
    onDatagram(data, from);
    return 0;
  };
  const options = { answer, device: at.interface, sendOne: () => {} };
  return openBatchedSocket({ host: "0.0.0.0", port: at.port }, options);
}

/** Node takes the descriptor over. */
function bound(own: BatchedSocket, at: Bound["at"]): Promise<Bound> {
  const socket = createSocket("udp4");
  socket.on("message", (data, from) => own.batch.run(data, from));
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => reject(cannotListen(error, { host: at.interface, port: at.port })));
    socket.bind({ fd: own.fd }, () => {
      socket.on("error", () => {});
      resolve({ at, socket });
    });
  });
}

/** A socket of one interface, with whole frames beside it where this user may have them. */
class DevicePort implements LanPort {
  readonly interface: string;
  readonly #port: number;
  readonly #socket: Socket;
  readonly #deps: { readonly clock: Clock; readonly net: Net };
  #frames: PacketSocket | undefined;
  #prober: ArpProber | undefined;
  #known: { readonly own: InterfaceAddress | undefined; readonly untilMs: number } = { own: undefined, untilMs: 0 };
  #open = true;

  constructor(deps: { readonly clock: Clock; readonly net: Net }, { at, socket }: Bound) {
    this.#deps = deps;
    this.interface = at.interface;
    this.#port = at.port;
    this.#socket = socket;
  }

  async ready(): Promise<this> {
    this.#frames = await openPacketSocket(this.interface, 0);
    const arp = await openPacketSocket(this.interface, ETHERTYPE_ARP);
    const mac = this.#own()?.mac;
    if (arp !== undefined && mac !== undefined)
      this.#prober = new ArpProber({ socket: arp, mac, clock: this.#deps.clock });
    else arp?.close();
    return this;
  }

  send(data: Uint8Array, to: Address): void {
    if (this.#open) this.#socket.send(data, to.port, to.host, () => {});
  }

  sendTo(data: Uint8Array, to: Neighbour): boolean {
    const own = this.#own();
    if (!this.#open || this.#frames === undefined || own === undefined) return false;
    return this.#frames.send(
      udpFrame({ mac: own.mac, ip: own.address, port: this.#port }, { ...to, ip: to.host }, data),
    );
  }

  async whoHas(ip: string, waitMs: number): Promise<string | undefined> {
    if (!this.#open) return undefined;
    return this.#prober === undefined
      ? askKernel(this.#socket, { ip, waitMs, clock: this.#deps.clock })
      : this.#prober.whoHas(ip, waitMs);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#prober?.close();
    this.#frames?.close();
    await closed(this.#socket);
  }

  /** Asked of the system once a second at most. */
  #own(): InterfaceAddress | undefined {
    const now = this.#deps.clock.monotonicMs();
    if (now < this.#known.untilMs) return this.#known.own;
    const own = this.#deps.net.interfaces().find(({ name, family }) => name === this.interface && family === 4);
    this.#known = { own, untilMs: now + OWN_FOR_MS };
    return own;
  }
}

interface PlainSockets {
  /** What is sent to everybody. */
  readonly all: Socket;
  /** What is sent to us, and what we send. */
  readonly own: Socket;
}

async function bindPlain(net: Net, at: Bound["at"], onDatagram: Handler): Promise<PlainSockets> {
  const address = net.interfaces().find(({ name, family }) => name === at.interface && family === 4)?.address;
  if (address === undefined)
    throw new CodedError("EADDRNOTAVAIL", `cannot open port ${at.port} on ${at.interface}: it has no IPv4 address`);
  const open = (host: string): Promise<Socket> => {
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    socket.on("message", (data, from) => onDatagram(data, { host: from.address, port: from.port }));
    return new Promise((resolve, reject) => {
      socket.once("error", (error) => reject(cannotListen(error, { host, port: at.port })));
      socket.bind(at.port, host, () => {
        socket.on("error", () => {});
        socket.setBroadcast(true);
        resolve(socket);
      });
    });
  };
  const all = await open("255.255.255.255");
  const own = await open(address).catch(async (error: unknown) => {
    await closed(all);
    throw error;
  });
  return { all, own };
}

/** Ordinary sockets: everything but unicast to a client that has no address yet. */
class PlainPort implements LanPort {
  readonly interface: string;
  readonly #sockets: PlainSockets;
  readonly #clock: Clock;
  readonly #onClose: () => void;
  #open = true;

  constructor(
    deps: { readonly clock: Clock },
    at: { readonly interface: string; readonly sockets: PlainSockets; readonly onClose: () => void },
  ) {
    this.interface = at.interface;
    this.#sockets = at.sockets;
    this.#clock = deps.clock;
    this.#onClose = at.onClose;
  }

  send(data: Uint8Array, to: Address): void {
    if (this.#open) this.#sockets.own.send(data, to.port, to.host, () => {});
  }

  sendTo(): boolean {
    return false;
  }

  async whoHas(ip: string, waitMs: number): Promise<string | undefined> {
    return this.#open ? askKernel(this.#sockets.own, { ip, waitMs, clock: this.#clock }) : undefined;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose();
    await Promise.all([closed(this.#sockets.all), closed(this.#sockets.own)]);
  }
}

/** Makes the kernel ask the wire, and looks what it learnt. */
async function askKernel(
  socket: Socket,
  { ip, waitMs, clock }: { readonly ip: string; readonly waitMs: number; readonly clock: Clock },
): Promise<string | undefined> {
  const until = clock.monotonicMs() + waitMs;
  socket.send(new Uint8Array(1), DISCARD_PORT, ip, () => {});
  while (clock.monotonicMs() < until) {
    await sleep(clock, POLL_MS);
    const mac = await knownNeighbour(ip);
    if (mac !== undefined) return mac;
  }
  return undefined;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
