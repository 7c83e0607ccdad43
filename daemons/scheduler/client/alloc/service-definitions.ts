import * as v from "valibot";
import { formatDuration } from "#base/language/duration.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import { AgentCheckDefinitionSchema, AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import type { AgentCheckDefinition, AgentServiceDefinition } from "#base/protocol/catalog.ts";
import type { Service, ServiceCheck } from "#base/protocol/service.ts";
import type { TaskHandle } from "#drivers/driver.ts";
import { interpolate, interpolateTexts } from "./interpolate.ts";
import type { Lookup } from "./interpolate.ts";
import { hostPort } from "./task-environment.ts";

export interface ServiceScope {
  readonly alloc: Alloc;
  /** Empty: a service of the whole group. */
  readonly taskName: string;
  readonly lookup: Lookup;
  readonly nodeAddress: string;
  readonly network: TaskHandle["network"];
}

/** How an allocation with an address of its own is reached from within its network. */
export function networkWithin(
  alloc: Alloc,
  { address, addressIpv6 }: { readonly address: string; readonly addressIpv6: string },
): NonNullable<ServiceScope["network"]> {
  const inside = alloc.AllocatedResources.Shared.Ports.map(
    ({ Label, To, Value }) => [Label, To > 0 ? To : Value] as const,
  );
  return { ip: address, ipv6: addressIpv6, portMap: Object.fromEntries(inside) };
}

export const SERVICE_ID_PREFIX = "_nomad-task-";

export function serviceId(
  alloc: Pick<Alloc, "ID">,
  taskName: string,
  service: Pick<Service, "Name" | "PortLabel">,
): string {
  const owner = taskName === "" ? `group-${service.Name}` : `${taskName}-${service.Name}`;
  return `${SERVICE_ID_PREFIX}${alloc.ID}-${owner}${service.PortLabel === "" ? "" : `-${service.PortLabel}`}`;
}

/** The allocation a service id belongs to; empty when it is no task's. */
export function allocOfService(id: string): string {
  const UUID_LENGTH = 36;
  return id.startsWith(SERVICE_ID_PREFIX)
    ? id.slice(SERVICE_ID_PREFIX.length, SERVICE_ID_PREFIX.length + UUID_LENGTH)
    : "";
}

/** A job's service as the node's catalog agent takes it. */
export function defineService(service: Service, scope: ServiceScope): AgentServiceDefinition {
  const { alloc, lookup } = scope;
  const name = interpolate(service.Name, lookup);
  const id = serviceId(alloc, scope.taskName, service);
  const at = addressOf(
    {
      mode: service.AddressMode,
      label: interpolate(service.PortLabel, lookup),
      override: interpolate(service.Address, lookup),
    },
    scope,
  );
  const tags = alloc.Canary && service.CanaryTags.length > 0 ? service.CanaryTags : service.Tags;
  const meta = alloc.Canary && Object.keys(service.CanaryMeta).length > 0 ? service.CanaryMeta : service.Meta;
  return v.parse(AgentServiceDefinitionSchema, {
    ID: id,
    Name: name,
    Tags: tags.map((tag) => interpolate(tag, lookup)),
    Address: at.host,
    Port: at.port,
    Meta: { ...interpolateTexts(meta, lookup), "external-source": "nomad" },
    TaggedAddresses: Object.fromEntries(
      Object.entries(service.TaggedAddresses).map(([key, address]) => [
        key,
        { Address: interpolate(address, lookup), Port: at.port },
      ]),
    ),
    EnableTagOverride: service.EnableTagOverride,
    Weights: service.Weights,
    Checks: service.Checks.flatMap((check, index) => defineCheck({ check, index, service, id, name }, scope)),
    Namespace: "",
  });
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

function addressOf(wanted: { mode: string; label: string; override: string }, scope: ServiceScope): Endpoint {
  const { mode, label, override } = wanted;
  const mapping = scope.alloc.AllocatedResources.Shared.Ports.find((port) => port.Label === label);
  const number = /^\d+$/.test(label) ? Number(label) : undefined;
  const driverPort = scope.network?.portMap[label];
  const useDriver =
    scope.network !== undefined &&
    (mode === "driver" ||
      mode === "alloc" ||
      mode === "alloc_ipv6" ||
      (mode === "auto" && mapping === undefined && driverPort !== undefined));
  if (useDriver && scope.network !== undefined) {
    const port = number ?? driverPort ?? (mapping === undefined ? 0 : mapping.To > 0 ? mapping.To : mapping.Value);
    const { ip, ipv6 = "" } = scope.network;
    return { host: override === "" ? (mode === "alloc_ipv6" && ipv6 !== "" ? ipv6 : ip) : override, port };
  }
  const host =
    override !== "" ? override : mapping !== undefined && mapping.HostIP !== "" ? mapping.HostIP : scope.nodeAddress;
  return { host, port: mapping?.Value ?? number ?? 0 };
}

const REPORT_GRACE_NS = 10e9;

export function checkId(serviceId: string, index: number): string {
  return `${serviceId}:check-${index}`;
}

export function checkTiming(check: ServiceCheck): { readonly intervalMs: number; readonly timeoutMs: number } {
  return {
    intervalMs: (check.Interval === 0 ? 10e9 : check.Interval) / 1e6,
    timeoutMs: (check.Timeout === 0 ? 2e9 : check.Timeout) / 1e6,
  };
}

interface CheckPlace {
  readonly check: ServiceCheck;
  readonly index: number;
  readonly service: Service;
  readonly id: string;
  readonly name: string;
}

function defineCheck({ check, index, service, id, name }: CheckPlace, scope: ServiceScope): AgentCheckDefinition[] {
  const { lookup } = scope;
  const label = interpolate(check.PortLabel === "" ? service.PortLabel : check.PortLabel, lookup);
  const mode = check.AddressMode === "" ? (service.AddressMode === "driver" ? "driver" : "auto") : check.AddressMode;
  const at = addressOf({ mode, label, override: interpolate(service.Address, lookup) }, scope);
  const address = hostPort(at.host, at.port);
  const scheme = check.Protocol === "" ? "http" : check.Protocol;
  const path = interpolate(check.Path, lookup);
  const specific: Record<string, Record<string, unknown>> = {
    tcp: { TCP: address },
    http: {
      HTTP: `${scheme}://${address}${path.startsWith("/") ? "" : "/"}${path}`,
      Method: check.Method,
      Header: check.Header,
      Body: interpolate(check.Body, lookup),
      TLSServerName: check.TLSServerName,
      TLSSkipVerify: check.TLSSkipVerify,
    },
    grpc: {
      GRPC: check.GRPCService === "" ? address : `${address}/${check.GRPCService}`,
      GRPCUseTLS: check.GRPCUseTLS,
      TLSServerName: check.TLSServerName,
      TLSSkipVerify: check.TLSSkipVerify,
    },
  };
  const { intervalMs, timeoutMs } = checkTiming(check);
  // A script runs in its task, and what came of it is reported: a report that does not come is critical.
  const silence = formatDuration((intervalMs + timeoutMs) * 1e6 + REPORT_GRACE_NS);
  const kind = check.Type === "script" ? { TTL: silence } : specific[check.Type];
  if (kind === undefined) return [];
  return [
    v.parse(AgentCheckDefinitionSchema, {
      ...kind,
      CheckID: checkId(id, index),
      Name: check.Name === "" ? `service: ${JSON.stringify(name)} check` : interpolate(check.Name, lookup),
      ServiceID: id,
      Status: check.InitialStatus,
      ...(check.Type === "script"
        ? {}
        : { Interval: formatDuration(intervalMs * 1e6), Timeout: formatDuration(timeoutMs * 1e6) }),
      SuccessBeforePassing: check.SuccessBeforePassing,
      FailuresBeforeCritical: check.FailuresBeforeCritical,
      FailuresBeforeWarning: check.FailuresBeforeWarning === 0 ? null : check.FailuresBeforeWarning,
    }),
  ];
}
