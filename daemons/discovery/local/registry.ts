import { CodedError } from "#base/env/errors.ts";
import type { AgentServiceDefinition, CheckStatus, TaskCheck } from "#base/protocol/catalog.ts";
import type { CatalogSync } from "./catalog-sync.ts";
import type { LocalState } from "./local-state.ts";

/** How running tasks register their services with this node's agent; what the scheduler's client asks for. */
export interface TaskServices {
  /** Adds or replaces, starts the checks, resolves when the catalog has it (or could not be written for now). Rejects on bad definitions. */
  register(definition: AgentServiceDefinition): Promise<void>;
  deregister(serviceId: string): Promise<void>;
  registered(idPrefix: string): readonly string[];
  onStatus(listener: (serviceId: string, status: CheckStatus) => void): () => void;
  report(checkId: string, status: CheckStatus, output: string): void;
  /** The checks of the services registered here with this prefix. */
  checks(idPrefix: string): readonly TaskCheck[];
}

export function createTaskServices(state: LocalState, sync: CatalogSync): TaskServices {
  return {
    async register(definition) {
      const done = state.registerService(definition, { origin: "task" });
      if (!done.ok) throw new CodedError(done.error.code, done.error.message, done.error.hint);
      await sync.settled();
    },
    async deregister(serviceId) {
      // Also when it is not known here: a row of an earlier life goes the same way.
      if (!state.deregisterService(serviceId)) sync.markInstance(serviceId);
      await sync.settled();
    },
    registered(idPrefix) {
      const ids = new Set([...state.services.keys(), ...sync.catalogued()]);
      return [...ids].filter((id) => id.startsWith(idPrefix));
    },
    report(checkId, status, output) {
      state.checks.get(checkId)?.runner.report(status, output);
    },
    onStatus: (listener) => state.onStatus(listener),
    checks(idPrefix) {
      const ids = [...state.services.keys()].filter((id) => id.startsWith(idPrefix));
      return ids.flatMap((id) => state.checksOf(id)).flatMap((checkId) => checkOf(state, checkId) ?? []);
    },
  };
}

function checkOf(state: LocalState, checkId: string): TaskCheck | undefined {
  const row = state.checkRow(checkId);
  const settledMs = state.checks.get(checkId)?.runner.settledMs ?? 0;
  if (row === undefined) return undefined;
  const { CheckID, ServiceID, ServiceName, Name, Status, Output } = row;
  return { CheckID, ServiceID, ServiceName, Name, Status, Output, settledMs };
}
