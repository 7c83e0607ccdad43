import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Service } from "#base/protocol/service.ts";
import type { ServiceRegistry } from "../service-registry.ts";
import { checkId } from "./service-definitions.ts";

export interface HealthOfService {
  readonly service: Pick<Service, "Checks">;
  readonly serviceId: string;
  /** The worst of its checks. */
  readonly worst: CheckStatus | undefined;
}

/**
 * Whether a service lets its allocation count as healthy: every check passes, but for those whose `on_update` asks for
 * less. https://developer.hashicorp.com/nomad/docs/job-specification/check#on_update
 */
export function isHealthyForUpdate(
  { service, serviceId, worst }: HealthOfService,
  registry: Pick<ServiceRegistry, "checks">,
): boolean {
  const lenient = service.Checks.some(({ OnUpdate }) => OnUpdate === "ignore" || OnUpdate === "ignore_warnings");
  if (!lenient) return service.Checks.length === 0 || worst === "passing";
  const stands = new Map(registry.checks(serviceId).map(({ CheckID, Status }) => [CheckID, Status]));
  return service.Checks.every(({ OnUpdate }, index) => {
    if (OnUpdate === "ignore") return true;
    const status = stands.get(checkId(serviceId, index));
    return status === "passing" || (OnUpdate === "ignore_warnings" && status === "warning");
  });
}
