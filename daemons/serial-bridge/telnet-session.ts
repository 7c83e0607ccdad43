import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { Stream } from "#base/env/net.ts";
import type { SerialInputs } from "#base/env/serial.ts";
import type { BridgedPort } from "./bridged-port.ts";
import {
  controlAnswer,
  maskAnswer,
  modemState,
  modemStateNotice,
  parseComPort,
  purgeAnswer,
  settingAnswer,
  signatureAnswer,
  type ComPortRequest,
} from "./com-port.ts";
import { control } from "./control.ts";
import { MAX_BEHIND_BYTES, Outbox } from "./outbox.ts";
import { OPTION, telnetData, TelnetReader, telnetOption, telnetSubnegotiation, type TelnetEvent } from "./telnet.ts";

/** How often lines the other side drives are looked at, for clients that want to hear of them. */
const MODEM_EVERY_MS = 250;
const KNOWN: ReadonlySet<number> = new Set(Object.values(OPTION));
const NO_INPUTS: SerialInputs = { cts: false, dsr: false, dcd: false };

/** One client of the port by telnet (RFC 2217); a plain telnet client gets the bytes alone. */
export class TelnetSession {
  readonly #env: Pick<Env, "clock" | "log">;
  readonly #stream: Stream;
  readonly #port: BridgedPort;
  readonly #reader = new TelnetReader();
  readonly #outbox: Outbox;
  /** Options agreed on already, each way: agreeing twice would never end (RFC 1143). */
  readonly #ours = new Set<number>();
  readonly #theirs = new Set<number>();
  #mask = 0;
  #inputs: SerialInputs = NO_INPUTS;
  #suspended = false;
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #timer: Timer | undefined;

  constructor(env: Pick<Env, "clock" | "log">, stream: Stream, port: BridgedPort) {
    this.#env = env;
    this.#stream = stream;
    this.#port = port;
    this.#outbox = new Outbox(
      (data) => stream.write(data),
      () => this.#letGo(),
    );
  }

  start(): void {
    const stop = this.#port.listen((data) => this.#heard(data));
    this.#stream.onClose(() => {
      stop();
      this.#timer?.cancel();
    });
    for (const option of [OPTION.binary, OPTION.suppressGoAhead]) {
      this.#ours.add(option);
      this.#theirs.add(option);
      this.#outbox.put(telnetOption("will", option));
      this.#outbox.put(telnetOption("do", option));
    }
    this.#theirs.add(OPTION.comPort);
    this.#outbox.put(telnetOption("do", OPTION.comPort));
    this.#stream.onData(async (data) => {
      for (const event of this.#reader.read(data)) await this.#on(event);
    });
  }

  async #on(event: TelnetEvent): Promise<void> {
    switch (event.kind) {
      case "data":
        return this.#port.write(event.bytes).catch(() => {});
      case "option":
        return this.#negotiate(event);
      case "subnegotiation": {
        const request = event.option === OPTION.comPort ? parseComPort(event.bytes) : undefined;
        if (request !== undefined) await this.#serve(request);
        return;
      }
      default:
        return event satisfies never;
    }
  }

  #negotiate({ verb, option }: Extract<TelnetEvent, { kind: "option" }>): void {
    const known = KNOWN.has(option);
    if (verb === "do" && !this.#ours.has(option)) {
      if (known) this.#ours.add(option);
      this.#outbox.put(telnetOption(known ? "will" : "wont", option));
    } else if (verb === "will") {
      if (option === OPTION.binary) this.#reader.binary = true;
      if (this.#theirs.has(option)) return;
      if (known) this.#theirs.add(option);
      this.#outbox.put(telnetOption(known ? "do" : "dont", option));
    } else if (verb === "dont" && this.#ours.delete(option)) this.#outbox.put(telnetOption("wont", option));
    else if (verb === "wont" && this.#theirs.delete(option)) {
      if (option === OPTION.binary) this.#reader.binary = false;
      this.#outbox.put(telnetOption("dont", option));
    }
  }

  async #serve(request: ComPortRequest): Promise<void> {
    switch (request.kind) {
      case "signature":
        if (request.text === "") this.#answer(signatureAnswer(`lares ${this.#port.path}`));
        return;
      case "set":
        if (request.value !== undefined) await this.#port.configure(request.value);
        return this.#answer(settingAnswer(request.field, this.#port.settings));
      case "control":
        return this.#answer(controlAnswer(await control(this.#port, request.value)));
      case "purge":
        await this.#port.flush();
        return this.#answer(purgeAnswer(request.value));
      case "suspend":
        return this.#suspend(request.on);
      case "mask":
        if (request.of === "modem") this.#watchModem(request.value);
        return this.#answer(maskAnswer(request.of, request.value));
      default:
        return request satisfies never;
    }
  }

  #letGo(): void {
    this.#env.log.warn("a client is too slow for the port and is let go", { client: this.#stream.remote.host });
    this.#stream.destroy();
  }

  #answer(bytes: Uint8Array): void {
    this.#outbox.put(telnetSubnegotiation(OPTION.comPort, bytes));
  }

  #heard(data: Uint8Array): void {
    if (!this.#suspended) return this.#outbox.put(telnetData(data));
    this.#held.push(data);
    this.#heldBytes += data.length;
    if (this.#heldBytes > MAX_BEHIND_BYTES) this.#letGo();
  }

  #suspend(on: boolean): void {
    this.#suspended = on;
    if (on) return;
    this.#heldBytes = 0;
    for (const data of this.#held.splice(0)) this.#outbox.put(telnetData(data));
  }

  #watchModem(mask: number): void {
    this.#mask = mask;
    this.#timer?.cancel();
    if (mask !== 0) void this.#lookAtModem(true);
  }

  async #lookAtModem(first: boolean): Promise<void> {
    const now = await this.#port.inputs().catch(() => undefined);
    if (now === undefined || this.#mask === 0) return;
    const state = modemState(now, this.#inputs) & this.#mask;
    const changed = JSON.stringify(now) !== JSON.stringify(this.#inputs);
    this.#inputs = now;
    if (first || changed) this.#answer(modemStateNotice(state));
    this.#timer = this.#env.clock.after(MODEM_EVERY_MS, () => void this.#lookAtModem(false));
  }
}
