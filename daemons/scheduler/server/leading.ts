import { LeaderParts, type LeaderDeps } from "./leader-parts.ts";
import type { Acl } from "./acl/acl.ts";
import type { NamespaceEndpoint } from "./tenancy/namespace-endpoint.ts";

export interface LeadingDeps extends LeaderDeps {
  readonly acl: Acl;
  readonly namespaces: NamespaceEndpoint;
  /** Tells the leader, while that is another server, that a node is alive. Absent: this one always leads. */
  readonly renewElsewhere: ((nodeId: string) => Promise<number>) | undefined;
}

/** Whether this server leads, and what it does while it does. */
export class Leading {
  readonly #deps: LeadingDeps;
  #parts: LeaderParts;
  #isActive = false;

  constructor(deps: LeadingDeps) {
    this.#deps = deps;
    this.#parts = new LeaderParts(deps);
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Idle while another server leads. */
  get parts(): LeaderParts {
    return this.#parts;
  }

  start(): void {
    if (this.#isActive) return;
    this.#isActive = true;
    void this.#deps.namespaces.reopen();
    this.#parts.start();
    this.#deps.acl.start();
  }

  /** Back to following: what leading needs is made anew the next time, from the state. */
  stop(): void {
    if (!this.#isActive) return;
    this.close();
    this.#parts = new LeaderParts(this.#deps);
    // Rooms that a plan of this leader held go back to what the state says.
    this.#deps.sync.load();
  }

  /** For good. */
  close(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#parts.stop();
    this.#deps.acl.stop();
  }

  renewNode(nodeId: string): number | Promise<number> {
    const { renewElsewhere } = this.#deps;
    return this.#isActive || renewElsewhere === undefined ? this.#parts.beats.renew(nodeId) : renewElsewhere(nodeId);
  }

  doubtNode(nodeId: string): void {
    if (this.#isActive) this.#parts.beats.doubt(nodeId);
  }
}
