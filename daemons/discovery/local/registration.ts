import { fail, succeed, type Result } from "#base/env/errors.ts";
import type {
  AgentCheckDefinition,
  AgentServiceDefinition,
  CatalogCheck,
  CatalogService,
} from "#base/protocol/catalog.ts";
import { readCheckSpec, type CheckRules, type CheckSpec } from "../checks/check-spec.ts";

/** A check as it was asked for, with the names it lives under. */
export interface CheckRegistration {
  readonly id: string;
  readonly name: string;
  readonly definition: AgentCheckDefinition;
  readonly spec: CheckSpec;
}

export interface ServiceRegistration {
  readonly row: CatalogService;
  readonly checks: readonly CheckRegistration[];
}

/** Checks of one service. */
const MAX_CHECKS_PER_SERVICE = 128;

/** A service definition, read. Fails with `invalid_service` or `invalid_check`. */
export function readService(definition: AgentServiceDefinition, rules: CheckRules): Result<ServiceRegistration> {
  if (definition.Name === "") return fail("invalid_service", "Missing service name", "give the service a Name");
  if (definition.Port < 0 || definition.Port > 65_535) {
    return fail(
      "invalid_service",
      `Invalid port ${definition.Port} of service ${definition.Name}: expected 0 to 65535`,
    );
  }
  const row = serviceRow(definition, rules.nodeName);
  const definitions = [...(definition.Check === null ? [] : [definition.Check]), ...definition.Checks];
  if (definitions.length > MAX_CHECKS_PER_SERVICE) {
    return fail(
      "invalid_service",
      `service ${definition.Name} has ${definitions.length} checks, at most ${MAX_CHECKS_PER_SERVICE} are kept`,
    );
  }
  const checks: CheckRegistration[] = [];
  for (const [i, check] of definitions.entries()) {
    const defaultId = definitions.length === 1 ? `service:${row.ID}` : `service:${row.ID}:${i + 1}`;
    const read = readCheck(check, { id: defaultId, name: `Service '${row.Service}' check` }, rules);
    if (!read.ok) return read;
    checks.push(read.value);
  }
  return succeed({ row, checks });
}

/** A check definition, read. `defaults` name it where it does not name itself. */
export function readCheck(
  definition: AgentCheckDefinition,
  defaults: { readonly id: string; readonly name: string },
  rules: CheckRules,
): Result<CheckRegistration> {
  const spec = readCheckSpec(definition, rules);
  if (!spec.ok) return spec;
  const id = definition.CheckID || definition.ID || defaults.id;
  return succeed({ id, name: definition.Name || defaults.name, definition, spec: spec.value });
}

function serviceRow(definition: AgentServiceDefinition, node: string): CatalogService {
  const { Tags, Address, TaggedAddresses, Meta, Port, Weights, EnableTagOverride, Kind } = definition;
  const ID = definition.ID || definition.Name;
  return {
    Node: node,
    ID,
    Kind,
    Service: definition.Name,
    Tags,
    Address,
    TaggedAddresses,
    Meta,
    Port,
    Weights,
    EnableTagOverride,
  };
}

/** A check as the catalog holds it. `service` undefined: it is the node's. */
export function checkRow(
  check: CheckRegistration,
  service: CatalogService | undefined,
  now: { readonly node: string; readonly status: CatalogCheck["Status"]; readonly output: string },
): CatalogCheck {
  const { definition, spec } = check;
  return {
    Node: now.node,
    CheckID: check.id,
    Name: check.name,
    Status: now.status,
    Notes: definition.Notes,
    Output: now.output,
    ServiceID: service?.ID ?? "",
    ServiceName: service?.Service ?? "",
    ServiceTags: service?.Tags ?? [],
    Type: spec.probe.kind,
    Interval: definition.Interval,
    Timeout: definition.Timeout,
    ExposedPort: 0,
    Definition: {},
  };
}
