import { setTimeout as wait } from "node:timers/promises";
import type { Cluster, Instance } from "./cluster.ts";
import { freePort } from "./machine.ts";

const PAUSE_MS = 500;
/** Emulated machines that start beside it leave little of the processor. */
const PATIENCE_MS = 30_000;

interface Visited {
  readonly service: string;
  /** The service's port on each machine. */
  readonly inside: number;
}

/** Ask a service all the time, as a proxy would: at an instance that the catalog says is well. */
export class Visitors {
  readonly failures: string[] = [];
  count = 0;
  readonly #cluster: Cluster;
  readonly #visited: Visited;
  /** By node: the port on this host. */
  readonly #ports = new Map<string, number>();
  #instances: readonly Instance[] = [];
  #isOver = false;
  #work: Promise<unknown> = Promise.resolve();

  private constructor(cluster: Cluster, visited: Visited) {
    this.#cluster = cluster;
    this.#visited = visited;
  }

  static async begin(cluster: Cluster, visited: Visited): Promise<Visitors> {
    const visitors = new Visitors(cluster, visited);
    await visitors.#look();
    visitors.#work = Promise.all([visitors.#follow(), visitors.#visit()]);
    // Heard at the end.
    visitors.#work.catch(() => {});
    return visitors;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }

  /** While nobody answers, what was known last counts, as in any proxy. */
  async #look(): Promise<void> {
    const found = await this.#cluster.passing(this.#visited.service);
    if (found === undefined || found.length === 0) return;
    for (const { node } of found) {
      if (this.#ports.has(node)) continue;
      const port = await freePort();
      await this.#cluster.forward(this.#cluster.machineOf(node), this.#visited.inside, port);
      this.#ports.set(node, port);
    }
    this.#instances = found;
  }

  async #follow(): Promise<void> {
    while (!this.#isOver) {
      await this.#look();
      await wait(PAUSE_MS);
    }
  }

  async #visit(): Promise<void> {
    while (!this.#isOver) {
      const instance = this.#instances[this.count % Math.max(1, this.#instances.length)];
      if (instance !== undefined) await this.#ask(instance.node);
      await wait(PAUSE_MS);
    }
  }

  async #ask(node: string): Promise<void> {
    this.count += 1;
    const at = new Date().toISOString();
    try {
      const url = `http://127.0.0.1:${this.#ports.get(node) ?? 0}/`;
      const answer = await fetch(url, {
        signal: AbortSignal.timeout(PATIENCE_MS),
        // A connection of its own each time: one that is kept would tell of the machine it was made to.
        headers: { connection: "close" },
      });
      const text = await answer.text();
      if (answer.status !== 200 || text.trim() !== "it works")
        this.failures.push(`${at} ${node}: ${answer.status} ${text.slice(0, 80)}`);
    } catch (error) {
      this.failures.push(`${at} ${node}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
