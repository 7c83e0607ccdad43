import { sleep } from "#base/env/clock.ts";
import type { DatagramSocket } from "#base/env/net.ts";
import { encodePacket, type WireOption } from "#daemons/dhcp/packet/encode.ts";
import { formatIpv4, ipv4Bytes, readIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import * as code from "#daemons/dhcp/packet/option-codes.ts";
import { decodePacket, type DhcpPacket } from "#daemons/dhcp/packet/packet.ts";
import type { OneHolderPerAddress } from "../../checkers/one-holder-per-address.ts";
import type { Machine } from "../../machine/node.ts";
import { CLIENT_PORT, SERVER_PORT } from "./server-node.ts";

/** Longer than any packet or copy of one is under way. */
const SETTLE_MS = 3000;
const PATIENCE_MS = 1200;
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 16_000;
const STAY_MS = 20_000;

export interface ClientsOptions {
  readonly count: number;
  readonly servers: readonly string[];
  readonly checker: OneHolderPerAddress;
  readonly worldMs: () => number;
  /** All come within this time, and keep what they are given. Absent: they come and go as chance has it, for ever. */
  readonly crowdMs?: number;
}

/** All clients of the network, on one machine. */
export async function runClientsNode({ env }: Machine, options: ClientsOptions): Promise<void> {
  const waiting = new Map<number, (packet: DhcpPacket) => void>();
  const socket = await env.net.bind({ host: "0.0.0.0", port: CLIENT_PORT }, (data) => {
    const decoded = decodePacket(data);
    if (decoded.ok) waiting.get(decoded.value.xid)?.(decoded.value);
  });
  const clients = Array.from(
    { length: options.count },
    (_, i) => new SimClient({ env, number: i + 1, socket, waiting, options }),
  );
  const { crowdMs } = options;
  await Promise.all(clients.map((client) => (crowdMs === undefined ? client.live() : client.stay(crowdMs))));
}

interface SimClientDeps {
  readonly env: Machine["env"];
  readonly number: number;
  readonly socket: DatagramSocket;
  readonly waiting: Map<number, (packet: DhcpPacket) => void>;
  readonly options: ClientsOptions;
}

interface Message {
  readonly type: number;
  readonly ciaddr?: number;
  readonly options?: readonly WireOption[];
  /** Only to this one. */
  readonly server?: string;
}

class SimClient {
  readonly #deps: SimClientDeps;
  readonly #name: string;
  #address = 0;
  #untilMs = 0;

  constructor(deps: SimClientDeps) {
    this.#deps = deps;
    this.#name = `client ${deps.number}`;
  }

  /** Comes, asking ever more rarely (RFC 2131, 4.1), and starts anew once it has been there for a while. */
  async stay(crowdMs: number): Promise<void> {
    const { clock, random } = this.#deps.env;
    await sleep(clock, random.float() * crowdMs);
    const patiently = async (ask: () => Promise<boolean>): Promise<void> => {
      for (let pauseMs = FIRST_PAUSE_MS; !(await ask()); pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS))
        await sleep(clock, pauseMs * (0.5 + random.float()));
    };
    await patiently(() => this.#come());
    await sleep(clock, STAY_MS + random.float() * crowdMs);
    await patiently(() => this.#restart());
  }

  /** Comes, renews, restarts, leaves and comes again. */
  async live(): Promise<void> {
    const { clock, random } = this.#deps.env;
    for (;;) {
      await sleep(clock, random.float() * 2500);
      if (this.#address !== 0 && this.#untilMs <= this.#worldMs) this.#forget();
      const chance = random.float();
      if (this.#address === 0) await this.#come();
      else if (chance < 0.3) await this.#return({ type: code.REQUEST, ciaddr: this.#address });
      else if (chance < 0.45) await this.#restart();
      else if (chance < 0.6) await this.#leave();
      // A machine that loses its memory: it has stopped using the address, and is likely to get it again.
      else if (chance < 0.7) await this.#come();
      else await sleep(clock, random.float() * 15_000);
    }
  }

  get #worldMs(): number {
    return this.#deps.options.worldMs();
  }

  /** INIT-REBOOT (RFC 2131, 4.3.2). */
  #restart(): Promise<boolean> {
    return this.#return({ type: code.REQUEST, options: [[code.REQUESTED_ADDRESS, ipv4Bytes(this.#address)]] });
  }

  /** True: it has an address. */
  async #come(): Promise<boolean> {
    const offer = await this.#ask({ type: code.DISCOVER }, (type) => type === code.OFFER);
    const serverId = offer?.options.get(code.SERVER_ID);
    if (offer === undefined || serverId === undefined) return false;
    if (this.#address !== 0 && this.#address !== offer.yiaddr) this.#stopUsing();
    return this.#return({
      type: code.REQUEST,
      options: [
        [code.REQUESTED_ADDRESS, ipv4Bytes(offer.yiaddr)],
        [code.SERVER_ID, serverId],
      ],
    });
  }

  async #return(message: Message): Promise<boolean> {
    const { checker } = this.#deps.options;
    const sentMs = this.#worldMs;
    const answer = await this.#ask(message, (type) => type === code.ACK || type === code.NAK);
    if (answer === undefined) return false;
    const server = serverOf(answer);
    if (answer.options.get(code.MESSAGE_TYPE)?.[0] === code.NAK) {
      if (this.#address !== 0 && message.options?.some(([each]) => each === code.SERVER_ID) !== true)
        checker.refused(formatIpv4(this.#address), this.#name, server);
      this.#stopUsing();
      return false;
    }
    const seconds = readIpv4(answer.options.get(code.LEASE_TIME) ?? new Uint8Array(4), 0);
    if (this.#address !== answer.yiaddr) this.#stopUsing();
    this.#address = answer.yiaddr;
    this.#untilMs = sentMs + seconds * 1000;
    this.#deps.env.log.debug(`${this.#name} has ${formatIpv4(this.#address)} from ${server} for ${seconds} s`);
    checker.told(formatIpv4(this.#address), { client: this.#name, untilMs: this.#untilMs, server });
    return true;
  }

  async #leave(): Promise<void> {
    const address = this.#address;
    this.#stopUsing();
    this.#deps.env.log.debug(`${this.#name} releases ${formatIpv4(address)}`);
    this.#send({ type: code.RELEASE, ciaddr: address }, 0);
    await sleep(this.#deps.env.clock, SETTLE_MS);
  }

  #stopUsing(): void {
    if (this.#address !== 0) this.#deps.options.checker.gaveUp(formatIpv4(this.#address), this.#name);
    this.#forget();
  }

  #forget(): void {
    this.#address = 0;
    this.#untilMs = 0;
  }

  /** The first answer that is one; undefined: none came. */
  #ask(message: Message, isAnswer: (type: number) => boolean): Promise<DhcpPacket | undefined> {
    const { env, waiting } = this.#deps;
    const xid = Math.floor(env.random.float() * 0xff_ff_ff_ff);
    return new Promise((resolve) => {
      const settle = (packet: DhcpPacket | undefined): void => {
        timer.cancel();
        waiting.delete(xid);
        resolve(packet);
      };
      const timer = env.clock.after(PATIENCE_MS, () => settle(undefined));
      waiting.set(xid, (packet) => {
        if (isAnswer(packet.options.get(code.MESSAGE_TYPE)?.[0] ?? 0)) settle(packet);
      });
      this.#send(message, xid);
    });
  }

  #send({ type, ciaddr = 0, options = [] }: Message, xid: number): void {
    const { socket, number } = this.#deps;
    const { bytes } = encodePacket({
      op: 1,
      htype: 1,
      hops: 0,
      xid,
      secs: 0,
      flags: 0,
      ciaddr,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: Uint8Array.of(2, 0, 0, 0, 1 + (number >> 8), number),
      sname: "",
      file: "",
      options: [[code.MESSAGE_TYPE, Uint8Array.of(type)], ...options],
    });
    for (const host of this.#deps.options.servers) socket.send(bytes, { host, port: SERVER_PORT });
  }
}

function serverOf(packet: DhcpPacket): string {
  return formatIpv4(readIpv4(packet.options.get(code.SERVER_ID) ?? new Uint8Array(4), 0));
}
