import { randomInt, type Random } from "#base/env/random.ts";
import { Prng } from "#sim/prng.ts";
import type { GossipMember } from "#daemons/discovery/gossip/member.ts";
import type { SerfEvent } from "#daemons/discovery/serf/core/core-ports.ts";
import { SerfCore } from "#daemons/discovery/serf/core/serf-core.ts";
import { serfDefaults, type SerfSettings } from "#daemons/discovery/serf/core/settings.ts";

/** One node of the simulated cluster: the core, and what it told its user. */
export interface SimNode {
  readonly core: SerfCore;
  readonly member: GossipMember;
  readonly events: SerfEvent[];
  up: boolean;
  nameLost: boolean;
}

/** Cores that exchange messages over a network that loses, delays, doubles and mixes them up; time goes by rounds. */
export class SimCluster {
  readonly nodes: SimNode[] = [];
  readonly random: Random;
  nowMs = 0;
  /** Share of messages that are lost. */
  loss = 0;
  #inFlight: { readonly atMs: number; readonly to: SimNode; readonly message: Uint8Array }[] = [];
  readonly #settings: SerfSettings;

  constructor(seed: number, settings: Partial<SerfSettings> = {}) {
    this.random = new Prng(seed);
    this.#settings = { ...serfDefaults, ...settings };
  }

  add(name: string, tags: Readonly<Record<string, string>> = {}): SimNode {
    const at = this.nodes.length + 1;
    const address = Uint8Array.of(10, 0, at >> 8, at & 0xff);
    const events: SerfEvent[] = [];
    const core = new SerfCore({
      name,
      tags,
      settings: this.#settings,
      keys: undefined,
      onKeysChanged: () => {},
      ports: {
        random: this.random,
        nowMs: () => this.nowMs,
        kick: () => {},
        emit: (event) => events.push(event),
        note: () => {},
        onNameLost: () => (node.nameLost = true),
        send: (to, message) => {
          const target = this.nodes.find((each) => Buffer.compare(each.member.address, to.address) === 0);
          if (target !== undefined) this.#send(target, message);
        },
      },
    });
    const member: GossipMember = {
      name,
      address,
      host: address.join("."),
      port: 7946,
      meta: core.nodeMeta(),
      state: "alive",
      incarnation: 1,
      versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
    };
    const node: SimNode = { core, member, events, up: true, nameLost: false };
    this.nodes.push(node);
    return node;
  }

  /** Tells everyone of everyone, as gossip would. */
  meet(): void {
    for (const node of this.nodes) {
      for (const { member } of this.nodes) {
        if (node.core.members.get(member.name) === undefined) node.core.onMember({ kind: "join", member });
      }
    }
  }

  /** Gossip lost `gone`. */
  lose(gone: SimNode, state: "dead" | "left"): void {
    gone.up = false;
    for (const node of this.#up()) node.core.onMember({ kind: "leave", member: { ...gone.member, state } });
  }

  exchange(a: SimNode, b: SimNode): void {
    const state = a.core.localState();
    a.core.mergeRemoteState(b.core.localState(), false);
    b.core.mergeRemoteState(state, false);
  }

  /** So many rounds of 200 ms, with a full exchange of two now and then. */
  run(rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      this.nowMs += 200;
      for (const node of this.#up()) this.#gossip(node);
      const due = this.#inFlight.filter((each) => each.atMs <= this.nowMs);
      this.#inFlight = this.#inFlight.filter((each) => each.atMs > this.nowMs);
      for (const { to, message } of due) if (to.up) to.core.onUserMessage(message);
      const up = this.#up();
      const [a, b] = [up[randomInt(this.random, up.length)], up[randomInt(this.random, up.length)]];
      if (round % 5 === 0 && a !== undefined && b !== undefined) this.exchange(a, b);
      for (const node of up) node.core.tick();
    }
  }

  #up(): SimNode[] {
    return this.nodes.filter((node) => node.up);
  }

  #gossip(node: SimNode): void {
    const others = this.#up().filter((each) => each !== node);
    for (let i = 0; i < 3; i++) {
      const to = others[randomInt(this.random, Math.max(1, others.length))];
      if (to === undefined) return;
      for (const message of node.core.nextBroadcasts(3, 1400)) this.#send(to, message);
    }
  }

  #send(to: SimNode, message: Uint8Array): void {
    if (this.random.float() < this.loss) return;
    const copies = this.random.float() < 0.1 ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#inFlight.push({ atMs: this.nowMs + this.random.float() * 600, to, message: message.slice() });
    }
  }
}
