import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Service } from "#base/protocol/service.ts";
import type { ServiceRegistry } from "../service-registry.ts";
import { watchCheckRestart } from "./check-restart.ts";
import type { CheckRestartWatch } from "./check-restart.ts";
import { runScriptChecks, type ExecInTask } from "./script-checks.ts";
import { defineService } from "./service-definitions.ts";
import type { ServiceScope } from "./service-definitions.ts";
import { isHealthyForUpdate } from "./update-health.ts";

/** The services of one allocation, registered and not. */
export interface AllocServices {
  register(services: readonly Service[], scope: ServiceScope): void;
  /** Resolves when the catalog knows. */
  deregister(taskName: string): Promise<void>;
  status(id: string, status: CheckStatus): void;
  /** Every one of so many services is registered, and their checks let it count as healthy. */
  allPassing(expected: number): boolean;
  close(): void;
}

interface Registered {
  readonly taskName: string;
  readonly service: Service;
  status: CheckStatus | undefined;
  readonly restart: CheckRestartWatch | undefined;
  readonly endScripts: () => void;
}

export function createAllocServices(deps: {
  readonly env: Env;
  readonly registry: ServiceRegistry;
  readonly restart: (taskName: string, reason: string) => void;
  readonly exec: ExecInTask;
}): AllocServices {
  const { env, registry } = deps;
  const known = new Map<string, Registered>();
  const order = new CatalogOrder(env);

  return {
    register(services, scope) {
      for (const service of services) {
        const definition = defineService(service, scope);
        const before = known.get(definition.ID);
        const restart =
          before?.restart ?? watchCheckRestart(env, service, (reason) => deps.restart(scope.taskName, reason));
        known.set(definition.ID, {
          taskName: scope.taskName,
          service,
          status: before?.status,
          restart,
          endScripts: runScriptChecks(deps, service, { ...scope, serviceId: definition.ID }),
        });
        before?.endScripts();
        restart?.started();
        void order.add("register", () => registry.register(definition));
      }
    },
    async deregister(taskName) {
      for (const [id, each] of known) {
        if (each.taskName !== taskName) continue;
        each.restart?.close();
        each.endScripts();
        known.delete(id);
        void order.add("deregister", () => registry.deregister(id));
      }
      await order.done;
    },
    status(id, status) {
      const found = known.get(id);
      if (found === undefined) return;
      found.status = status;
      found.restart?.status(status);
    },
    allPassing: (expected) =>
      known.size >= expected &&
      [...known].every(([serviceId, { service, status }]) =>
        isHealthyForUpdate({ service, serviceId, worst: status }, registry),
      ),
    close() {
      for (const each of known.values()) {
        each.restart?.close();
        each.endScripts();
      }
    },
  };
}

/** One after the other, so that "in" and "out" of one service cannot overtake each other. */
class CatalogOrder {
  readonly #env: Env;
  done: Promise<void> = Promise.resolve();

  constructor(env: Env) {
    this.#env = env;
  }

  add(what: string, work: () => Promise<void>): Promise<void> {
    this.done = this.done
      .then(work)
      .catch((thrown: unknown) => this.#env.log.warn(`cannot ${what} a service`, { error: messageOf(thrown) }));
    return this.done;
  }
}
