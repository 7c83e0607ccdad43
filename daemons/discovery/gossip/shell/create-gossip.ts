import { utf8 } from "#base/env/bytes.ts";
import type { Timer } from "#base/env/clock.ts";
import { assert } from "#base/env/assert.ts";
import { CodedError, fail, succeed, type Failure, type Result } from "#base/env/errors.ts";
import type { Address } from "#base/env/net.ts";
import { MAX_LABEL_BYTES } from "../codec/label.ts";
import { MAX_NAME_BYTES } from "../codec/limits.ts";
import { Wire } from "../codec/wire.ts";
import type { Command, Input, Output, Pong } from "../core/exchange.ts";
import { addressOfHost } from "../core/host-address.ts";
import { Swim } from "../core/swim.ts";
import type { Gossip, GossipOptions, GossipStats, GossipTarget, JoinOutcome } from "../gossip.ts";
import type { GossipMember } from "../member.ts";
import { lanPreset } from "../presets.ts";
import type { Keyring } from "../security/keyring.ts";
import { openSockets, reachableHost, type Sockets } from "./sockets.ts";
import { Streams } from "./streams.ts";

/** Serf's delegate protocol: lowest, highest, spoken. */
const SERF_VERSIONS = [2, 5, 4] as const;

/** Throws a CodedError when the options make no sense; nothing is opened before `start`. */
export function createGossip(options: GossipOptions): Gossip {
  const nameBytes = utf8(options.name).length;
  if (nameBytes < 1 || nameBytes > MAX_NAME_BYTES) {
    throw new CodedError("BAD_NAME", `the name of a member has 1 to ${MAX_NAME_BYTES} bytes, not ${nameBytes}`);
  }
  if (utf8(options.label ?? "").length > MAX_LABEL_BYTES) {
    throw new CodedError("BAD_LABEL", `a gossip label has at most ${MAX_LABEL_BYTES} bytes`);
  }
  if (options.advertise !== undefined && addressOfHost(options.advertise.host) === undefined) {
    throw new CodedError("BAD_ADVERTISE", `cannot announce '${options.advertise.host}': expected an IP address`);
  }
  return new RunningGossip(options);
}

class RunningGossip implements Gossip {
  readonly keyring: Keyring | undefined;
  readonly #options: GossipOptions;
  readonly #wire: Wire;
  readonly #streams: Streams;
  readonly #waiting = new Map<number, (result: Result<Pong | undefined>) => void>();
  #swim: Swim | undefined;
  #sockets: Sockets | undefined;
  #timer: Timer | undefined;
  #timerDueMs = Infinity;
  #commands = 0;
  #stopped = false;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.keyring = options.keyring;
    const { env, label = "", keyring, settings = lanPreset } = options;
    const { compress, verifyIncoming, verifyOutgoing, streamTimeoutMs } = settings;
    this.#wire = new Wire({ label, keyring, compress, verifyIncoming, verifyOutgoing, random: env.random });
    this.#streams = new Streams({
      env,
      wire: this.#wire,
      timeoutMs: streamTimeoutMs,
      handlers: {
        onMessage: (stream, message, from) => this.#step({ kind: "stream", stream, message, from }),
        onAnswer: (call, message) => this.#step({ kind: "answer", call, message }),
        onFailed: (call, why) => this.#step({ kind: "call-failed", call, why }),
        onDropped: (why) => this.#step({ kind: "dropped", why }),
      },
    });
  }

  get address(): Address {
    return this.#sockets?.address ?? this.#options.bind;
  }

  get local(): GossipMember {
    const self = this.#swim?.member(this.#options.name);
    assert(self !== undefined, "gossip has a member of its own once it is started");
    return self;
  }

  async start(): Promise<void> {
    const {
      env,
      name,
      bind,
      advertise,
      settings = lanPreset,
      delegate,
      delegateVersions = SERF_VERSIONS,
    } = this.#options;
    const sockets = await openSockets(env, bind, {
      datagram: (bytes, from) => this.#step({ kind: "packet", bytes, from }),
      stream: (stream) => this.#streams.accept(stream),
    });
    this.#sockets = sockets;
    const host = advertise?.host ?? reachableHost(env, sockets.address.host);
    const address = addressOfHost(host);
    if (address === undefined) {
      await this.stop();
      throw new CodedError("BAD_ADVERTISE", `cannot announce '${host}': expected an IP address`);
    }
    this.#swim = new Swim({
      name,
      address,
      port: advertise === undefined || advertise.port === 0 ? sockets.address.port : advertise.port,
      settings,
      delegate,
      delegateVersions,
      wire: this.#wire,
      random: env.random,
      log: env.log.child("gossip"),
    });
    this.#step({ kind: "start" });
  }

  async join(addresses: readonly Address[]): Promise<JoinOutcome> {
    const results = await Promise.all(addresses.map((address) => this.#command({ ask: "join", address })));
    const failures = results.flatMap((result): Failure[] => (result.ok ? [] : [result.error]));
    return { joined: results.length - failures.length, failures };
  }

  async leave(timeoutMs: number): Promise<Result<void>> {
    return withoutValue(await this.#command({ ask: "leave", timeoutMs }));
  }

  async updateNode(timeoutMs: number): Promise<Result<void>> {
    return withoutValue(await this.#command({ ask: "update", timeoutMs }));
  }

  sendBestEffort(to: GossipTarget, message: Uint8Array): Result<void> {
    let outcome: Result<void> | undefined;
    this.#ask({ ask: "send", to, body: message }, (result) => {
      outcome = withoutValue(result);
    });
    // Inside of a call to the delegate the outcome is only known when that returns.
    return outcome ?? succeed(undefined);
  }

  async sendReliable(to: GossipTarget, message: Uint8Array): Promise<Result<void>> {
    return withoutValue(await this.#command({ ask: "send-stream", to, body: message }));
  }

  async ping(to: GossipTarget): Promise<Result<Pong>> {
    const result = await this.#command({ ask: "ping", to });
    if (!result.ok) return result;
    assert(result.value !== undefined, "a ping that went well has a pong");
    return succeed(result.value);
  }

  members(): readonly GossipMember[] {
    return this.#swim?.members() ?? [];
  }

  member(name: string): GossipMember | undefined {
    return this.#swim?.member(name);
  }

  kick(): void {
    this.#ask({ ask: "kick" }, () => {});
  }

  healthScore(): number {
    return this.#swim?.healthScore ?? 0;
  }

  stats(): GossipStats {
    return this.#swim?.stats() ?? NO_STATS;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#streams.stop();
    for (const done of this.#waiting.values()) done(fail("STOPPED", "gossip was stopped"));
    this.#waiting.clear();
    await Promise.all([this.#sockets?.datagrams.close(), this.#sockets?.listener.close()]);
  }

  #command(command: Command): Promise<Result<Pong | undefined>> {
    return new Promise((resolve) => this.#ask(command, resolve));
  }

  #ask(command: Command, done: (result: Result<Pong | undefined>) => void): void {
    if (this.#swim === undefined || this.#stopped) return done(fail("NOT_RUNNING", "gossip is not running"));
    this.#commands += 1;
    if (command.ask !== "kick") this.#waiting.set(this.#commands, done);
    this.#step({ kind: "command", command: this.#commands, ...command });
  }

  #step(input: Input): void {
    if (this.#swim === undefined || this.#stopped) return;
    for (const output of this.#swim.step(input, this.#options.env.clock.monotonicMs())) this.#carryOut(output);
    this.#armTimer();
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case "datagram":
        this.#sockets?.datagrams.send(output.bytes, output.to);
        return;
      case "call":
        void this.#streams.call(output);
        return;
      case "reply":
        this.#streams.reply(output.stream, output.bytes);
        return;
      case "done": {
        const done = this.#waiting.get(output.command);
        this.#waiting.delete(output.command);
        done?.(output.result);
        return;
      }
      default:
        output satisfies never;
    }
  }

  /** One timer of the clock for all of the core's; one that fires early for nothing costs less than moving it. */
  #armTimer(): void {
    const { clock } = this.#options.env;
    const dueMs = this.#swim?.dueMs;
    if (dueMs === undefined || this.#stopped || this.#timerDueMs <= dueMs) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = clock.after(Math.max(0, Math.ceil(dueMs - clock.monotonicMs())), () => {
      this.#timerDueMs = Infinity;
      this.#step({ kind: "due" });
    });
  }
}

const NO_STATS: GossipStats = {
  dropped: {},
  packetsIn: 0,
  packetsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  queued: 0,
  members: 0,
  refutations: 0,
  suspicions: 0,
};

function withoutValue(result: Result<Pong | undefined>): Result<void> {
  return result.ok ? succeed(undefined) : result;
}
