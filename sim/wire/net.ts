import { CodedError } from "#base/env/errors.ts";
import { MAX_DATAGRAM_ANSWER_BYTES } from "#base/env/net.ts";
import type {
  Address,
  DatagramAnswer,
  ConnectOptions,
  DatagramSocket,
  InterfaceAddress,
  Listener,
  Net,
  PeerHandlers,
  PeerSocket,
  Stream,
} from "#base/env/net.ts";
import type { Life } from "../machine/life.ts";
import { Channel } from "./channel.ts";
import { dial } from "./dial.ts";
import type { Network } from "./network.ts";
import { SimStream } from "./stream.ts";

const FIRST_FREE_PORT = 32_768;
const CONNECT_TIMEOUT_MS = 10_000;

/** Sockets of one life. */
export class SimNet implements Net {
  readonly #life: Life;
  readonly #network: Network;

  constructor(life: Life, network: Network) {
    this.#life = life;
    this.#network = network;
  }

  async listen(at: Address, onStream: (stream: Stream) => void): Promise<Listener> {
    const ports = this.#life.streamPorts;
    const port = this.#take(at, ports);
    ports.set(port, onStream);
    await this.#life.later(0.1, `listen on ${port}`, () => {});
    return {
      address: { host: at.host, port },
      close: () => {
        ports.delete(port);
        return Promise.resolve();
      },
    };
  }

  async connect(to: ConnectOptions): Promise<Stream> {
    const where = `${to.host}:${to.port}`;
    const dialled = await dial(this.#life, {
      network: this.#network,
      host: to.host,
      port: to.port,
      timeoutMs: to.timeoutMs ?? CONNECT_TIMEOUT_MS,
      label: "connect to",
      lookUp: (life) => life.streamPorts.get(to.port),
    });
    if (to.signal?.aborted === true) throw new CodedError("ABORTED", `connecting to ${where} was cancelled`);
    if (!dialled.ok) throw new CodedError(dialled.code, `cannot connect to ${where}: ${dialled.code}`);
    const { life, server } = dialled.found;
    const channel = new Channel(this.#network, this.#life, life);
    const local = { host: this.#life.address, port: freePort(this.#life.streamPorts) };
    const remote = { host: to.host, port: to.port };
    const here = new SimStream({ life: this.#life, channel, end: 0, local, remote });
    const there = new SimStream({ life, channel, end: 1, local: { host: life.address, port: to.port }, remote: local });
    here.pair(there);
    there.pair(here);
    channel.send(0, { label: "connected", deliver: () => server(there) });
    return here;
  }

  async bind(at: Address, onDatagram: (data: Uint8Array, from: Address) => void): Promise<DatagramSocket> {
    const ports = this.#life.datagramPorts;
    const port = this.#take(at, ports);
    ports.set(port, onDatagram);
    await this.#life.later(0.1, `bind ${port}`, () => {});
    return {
      address: { host: at.host, port },
      send: (data, to) => this.#sendDatagram(data.slice(), { from: { host: this.#life.address, port }, to }),
      close: () => {
        ports.delete(port);
        return Promise.resolve();
      },
    };
  }

  async serve(at: Address, answer: DatagramAnswer): Promise<DatagramSocket> {
    const out = new Uint8Array(MAX_DATAGRAM_ANSWER_BYTES);
    const socket = await this.bind(at, (data, from) => {
      const length = answer(data, from, out);
      if (length > 0) socket.send(out.slice(0, length), from);
    });
    return socket;
  }

  async dial(to: Address, { onDatagram }: PeerHandlers): Promise<PeerSocket> {
    const at = { host: this.#life.address, port: 0 };
    const socket = await this.bind(at, (data, from) => {
      if (from.host === to.host && from.port === to.port) onDatagram(data);
    });
    return { send: (data) => socket.send(data, to), close: () => socket.close() };
  }

  interfaces(): readonly InterfaceAddress[] {
    const { address } = this.#life;
    return [
      { name: "lo", address: "127.0.0.1", family: 4, cidr: "127.0.0.1/8", mac: "00:00:00:00:00:00", internal: true },
      { name: "eth0", address, family: 4, cidr: `${address}/16`, mac: "02:00:00:00:00:01", internal: false },
    ];
  }

  hostname(): string {
    return this.#life.name;
  }

  #take(at: Address, ports: ReadonlyMap<number, unknown>): number {
    if (at.port === 0) return freePort(ports);
    if (ports.has(at.port)) throw new CodedError("EADDRINUSE", `cannot listen on ${at.host}:${at.port}: EADDRINUSE`);
    return at.port;
  }

  #sendDatagram(data: Uint8Array, way: { readonly from: Address; readonly to: Address }): void {
    const target = this.#network.resolve(way.to.host, this.#life)?.life;
    if (target === undefined) return;
    const { random, conditions } = this.#network;
    const near = target.name === this.#life.name;
    const copies = near ? 1 : random.chance(conditions.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (!near && random.chance(conditions.loss)) continue;
      target.schedule(this.#network.datagramDelay(this.#life, target), `datagram from ${way.from.host}`, () => {
        if (this.#network.passes(this.#life, target)) target.datagramPorts.get(way.to.port)?.(data.slice(), way.from);
      });
    }
  }
}

function freePort(taken: ReadonlyMap<number, unknown>): number {
  let port = FIRST_FREE_PORT;
  while (taken.has(port)) port += 1;
  return port;
}
