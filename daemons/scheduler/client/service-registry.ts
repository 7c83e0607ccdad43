import type { AgentServiceDefinition, CheckStatus, TaskCheck } from "#base/protocol/catalog.ts";

/** The node's own catalog agent, as far as running tasks need it. Handed in by whoever composes the agent. */
export interface ServiceRegistry {
  /** Adds or replaces; starts the checks. */
  register(definition: AgentServiceDefinition): Promise<void>;
  /** Unknown ids are fine. */
  deregister(serviceId: string): Promise<void>;
  /** Ids registered here with this prefix: what a restarted client has to reconcile. */
  registered(idPrefix: string): readonly string[];
  /** Called on every change of a check of these services, with the worst status among a service's checks. Returns the function that ends it. */
  onStatus(listener: (serviceId: string, status: CheckStatus) => void): () => void;
  /** What a check that only reports found out; unknown ids are fine. */
  report(checkId: string, status: CheckStatus, output: string): void;
  /** The checks of the services registered here with this prefix, as they stand. */
  checks(idPrefix: string): readonly TaskCheck[];
}
