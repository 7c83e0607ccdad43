import type { Clock, Timer } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import type { Log } from "#base/env/log.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes } from "#base/state/tables.ts";
import { RegistrationSchema, type CatalogWriter } from "../catalog/catalog-writer.ts";
import * as v from "valibot";
import type { Serf } from "../serf/shell/serf.ts";
import { planMembers, type CataloguedNode, type MemberStep } from "./plan-members.ts";

const SERF_HEALTH = "serfHealth";
/** Without any event too: what went wrong is set right. */
const EVERY_MS = 60_000;

export interface MemberKeeperDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly view: View;
  readonly catalog: CatalogWriter;
  readonly nodeName: string;
  readonly datacenter: string;
  /** Nodes that gossip does not know are kept so long after a start. */
  readonly forgetAfterMs: number;
}

/** Keeps the catalog's nodes as gossip sees the members. One runs in a cluster: its leader's. */
export class MemberKeeper {
  readonly #deps: MemberKeeperDeps;
  readonly #serf: Serf;
  readonly #unsubscribe: () => void;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  readonly #startedMs: number;
  readonly #reaped = new Set<string>();

  constructor(serf: Serf, deps: MemberKeeperDeps) {
    this.#serf = serf;
    this.#startedMs = deps.clock.monotonicMs();
    this.#deps = deps;
    this.#unsubscribe = serf.subscribe((event) => {
      if (event.kind === "user" || event.kind === "query") return;
      for (const { name } of event.members) {
        if (event.kind === "member-reap") this.#reaped.add(name);
        else this.#reaped.delete(name);
      }
      this.#kick();
    });
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#unsubscribe();
    await this.#running;
  }

  #tick(): void {
    this.#kick();
    this.#timer = this.#deps.clock.after(EVERY_MS, () => this.#tick());
  }

  #kick(): void {
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    if (this.#stopped || this.#serf.state !== "alive") return;
    this.#running = this.#reconcile().finally(() => {
      this.#running = undefined;
      if (this.#again) {
        this.#again = false;
        this.#kick();
      }
    });
  }

  async #reconcile(): Promise<void> {
    const { log, nodeName, clock, forgetAfterMs } = this.#deps;
    const old = clock.monotonicMs() - this.#startedMs > forgetAfterMs;
    const isForgotten = (node: string): boolean => old || this.#reaped.has(node);
    try {
      const steps = planMembers(this.#serf.members(), this.#catalogued(), { own: nodeName, isForgotten });
      for (const step of steps) await this.#carryOut(step);
      this.#reaped.clear();
    } catch (error) {
      log.warn("cannot bring the members into the catalog; it is tried again", { error: messageOf(error) });
    }
  }

  #catalogued(): CataloguedNode[] {
    const { view } = this.#deps;
    return [...view.table(catalogNodes).list(GLOBAL)].flatMap(({ value }) => {
      const health = view.table(catalogChecks).get(GLOBAL, `${value.Node}/${SERF_HEALTH}`);
      if (health === undefined) return [];
      return [{ name: value.Node, address: value.Address, id: value.ID, health: health.value.Status }];
    });
  }

  async #carryOut(step: MemberStep): Promise<void> {
    const { catalog, datacenter } = this.#deps;
    if (step.kind === "deregister") {
      await catalog.deregister({ Datacenter: datacenter, Node: step.node, ServiceID: "", CheckID: "" });
      return;
    }
    const { node, alive } = step;
    // A slash would end the node's name in keys.
    if (node.name.includes("/")) return;
    const registration = {
      ID: node.id,
      Node: node.name,
      Address: node.address,
      TaggedAddresses: { lan: node.address, wan: node.address },
      NodeMeta: { "consul-network-segment": "" },
      Check: {
        CheckID: SERF_HEALTH,
        Name: "Serf Health Status",
        Status: alive ? "passing" : "critical",
        Output: alive ? "Agent alive and reachable" : "Agent not live or unreachable",
      },
    };
    await catalog.register(v.parse(RegistrationSchema, registration), datacenter);
  }
}
