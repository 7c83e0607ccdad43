import * as v from "valibot";
import { AgentCheckDefinitionSchema } from "#base/protocol/catalog.ts";
import { MAX_OUTPUT_BYTES } from "../checks/check-spec.ts";
import type { CheckRegistration } from "./registration.ts";

const NODE_MAINTENANCE = "_node_maintenance";
const SERVICE_MAINTENANCE_PREFIX = "_service_maintenance:";

/** The id of the check that stands for maintenance of a service, or of the node (empty id). */
export function maintenanceId(serviceId: string): string {
  return serviceId === "" ? NODE_MAINTENANCE : `${SERVICE_MAINTENANCE_PREFIX}${serviceId}`;
}

/** Such checks are part of no definition: registering a service again leaves them. */
export function isMaintenance(checkId: string): boolean {
  return checkId === NODE_MAINTENANCE || checkId.startsWith(SERVICE_MAINTENANCE_PREFIX);
}

/** A check that is critical until it is removed (https://developer.hashicorp.com/consul/commands/maint). */
export function maintenanceCheck(serviceId: string, reason: string): CheckRegistration {
  const what = serviceId === "" ? "Node" : "Service";
  const id = maintenanceId(serviceId);
  const name = `${what} Maintenance Mode`;
  const Notes = reason || `Maintenance mode is enabled for this ${what.toLowerCase()}, but no reason was provided.`;
  return {
    id,
    name,
    definition: v.parse(AgentCheckDefinitionSchema, {
      CheckID: id,
      Name: name,
      Notes,
      ServiceID: serviceId,
      Status: "critical",
    }),
    spec: {
      probe: { kind: "maintenance" },
      intervalMs: 0,
      timeoutMs: 0,
      thresholds: { successBeforePassing: 0, failuresBeforeWarning: 0, failuresBeforeCritical: 0 },
      initialStatus: "critical",
      maxOutputBytes: MAX_OUTPUT_BYTES,
      deregisterAfterMs: undefined,
    },
  };
}
