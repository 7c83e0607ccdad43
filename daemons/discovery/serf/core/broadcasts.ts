import { BroadcastQueue } from "./broadcast-queue.ts";

/** What is being spread, by kind: word of members goes first, then queries, then events. */
export class Broadcasts {
  readonly members = new BroadcastQueue();
  readonly queries = new BroadcastQueue();
  readonly events = new BroadcastQueue();

  take(options: { readonly overhead: number; readonly limit: number; readonly times: number }): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let { limit } = options;
    for (const queue of [this.members, this.queries, this.events]) {
      const messages = queue.take({ ...options, limit });
      for (const message of messages) limit -= message.length + options.overhead;
      taken.push(...messages);
    }
    return taken;
  }

  clear(): void {
    for (const queue of [this.members, this.queries, this.events]) queue.clear();
  }
}
