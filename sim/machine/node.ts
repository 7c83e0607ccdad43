import { assert } from "#base/env/assert.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Exchange } from "#base/http/exchange.ts";
import type { WorldEvent } from "../event-heap.ts";
import type { Prng } from "../prng.ts";
import { SimHttpClient } from "../wire/http.ts";
import type { Network } from "../wire/network.ts";
import { SimNet } from "../wire/net.ts";
import type { Timeline } from "../timeline.ts";
import { SimDisk } from "./disk.ts";
import { SimFiles } from "./files.ts";
import { Life } from "./life.ts";
import { createSimLog } from "./log.ts";
import { Programs, SimExec } from "./programs.ts";

/** What a node runs, from power-on. Called again, with the disk as it survived, after every crash. */
export type Boot = (machine: Machine) => Promise<void> | void;

/** What one life of a node is given. */
export interface Machine {
  readonly env: Env;
  readonly name: string;
  readonly address: string;
  /** 1 for the first boot. */
  readonly life: number;
  /** Answers HTTP on a port of this node. */
  listenHttp(port: number, exchange: Exchange): void;
}

export interface SimNodeOptions {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly name: string;
  readonly boot: Boot;
  readonly number: number;
  readonly random: Prng;
}

/** A machine: its disk and its programs outlive the agent, its clock goes its own way. */
export class SimNode {
  readonly name: string;
  readonly address: string;
  readonly files: SimFiles;
  readonly programs: Programs;
  readonly #options: SimNodeOptions;
  #life: Life | undefined;
  #lives = 0;
  /** Wall clock minus the world's time. */
  #clockOffsetMs = 0;
  /** How much faster than the world its clock runs; 1e-4 is 100 ppm. */
  #drift = 0;

  constructor(options: SimNodeOptions) {
    this.name = options.name;
    this.address = `10.0.${options.number >> 8}.${options.number & 0xff}`;
    this.files = new SimFiles(options.random.fork());
    this.programs = new Programs();
    this.#options = options;
  }

  get running(): boolean {
    return this.#life !== undefined;
  }

  /** The life that answers now, for the network. */
  get life(): Life | undefined {
    return this.#life;
  }

  start(): void {
    if (this.#life !== undefined) return;
    const { timeline, network, boot, random } = this.#options;
    this.#lives += 1;
    const life = new Life({ timeline, node: this, number: this.#lives });
    this.#life = life;
    timeline.trace.add(`${timeline.timeMs.toFixed(3)} ${this.name} boots (life ${life.number})`);
    const own = random.fork();
    const env: Env = {
      clock: life.clock(() => ({ offsetMs: this.#clockOffsetMs, drift: this.#drift })),
      random: own.fork(),
      net: new SimNet(life, network),
      http: new SimHttpClient(life, network),
      disk: new SimDisk({ life, files: this.files, random: own.fork() }),
      exec: new SimExec(life, this.programs),
      log: createSimLog(life, timeline.trace),
    };
    life.schedule(0, "boot", () => {
      const booted = boot({
        env,
        name: this.name,
        address: this.address,
        life: life.number,
        listenHttp: (port, exchange) => life.serve(port, exchange),
      });
      Promise.resolve(booted).catch((thrown: unknown) => {
        if (life.alive) env.log.error("boot failed", { error: messageOf(thrown) });
      });
    });
  }

  /** Power fails: the life ends between two events, and unsynced bytes may be gone. */
  crash(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.end();
    this.files.losePower();
    this.programs.vanish();
    this.#options.network.dropLife(life);
  }

  /** The agent alone dies; files and programs stay as they are. */
  kill(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.end();
    this.#options.network.dropLife(life);
  }

  /** Stops the world for this node: what comes meanwhile waits, as for a process that is not scheduled. */
  pause(): void {
    this.#life?.pause();
  }

  resume(): void {
    this.#life?.resume();
  }

  stepClock(byMs: number): void {
    this.#clockOffsetMs += byMs;
  }

  setDrift(drift: number): void {
    assert(Math.abs(drift) < 0.5, `a clock does not drift by ${drift}`);
    this.#drift = drift;
  }

  /** For tests: events that wait for the node to go on. */
  get postponed(): readonly WorldEvent[] {
    return this.#life?.postponed ?? [];
  }
}
