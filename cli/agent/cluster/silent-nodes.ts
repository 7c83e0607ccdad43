import type { SerfMember } from "#daemons/discovery/serf/core/member.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { Led } from "./servers.ts";

/**
 * A new leader gives all nodes minutes to find it. Those that gossip has lost it need not wait for: when the machine dies that led
 * before, what ran there is wanted elsewhere now.
 */
export class SilentNodes implements Led {
  readonly #serf: Pick<Serf, "members" | "subscribe">;
  readonly #server: Pick<SchedulerServer, "doubtNode">;
  #unsubscribe: (() => void) | undefined;

  constructor(serf: Pick<Serf, "members" | "subscribe">, server: Pick<SchedulerServer, "doubtNode">) {
    this.#serf = serf;
    this.#server = server;
  }

  /** After the scheduler began to lead. */
  startLeading(): void {
    for (const member of this.#serf.members())
      if (member.status === "failed" || member.status === "left") this.#doubt(member);
    this.#unsubscribe = this.#serf.subscribe((event) => {
      if (event.kind !== "member-failed" && event.kind !== "member-leave") return;
      for (const member of event.members) this.#doubt(member);
    });
  }

  stopLeading(): void {
    this.#unsubscribe?.();
  }

  #doubt({ tags }: SerfMember): void {
    this.#server.doubtNode(tags["id"] ?? "");
  }
}
