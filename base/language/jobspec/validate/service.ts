import type { Service, ServiceCheck } from "#base/protocol/service.ts";
import { formatDuration } from "../../duration.ts";
import { didYouMean } from "../../nearest.ts";
import { checkKeys, checkText, oneOf, type Report } from "./report.ts";
import { checkIdentity } from "./task-parts.ts";

const SECOND = 1e9;
/** RFC 1123, section 2.1; the name becomes part of a DNS name. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const CHECK_TYPES: ReadonlyMap<string, readonly string[]> = new Map([
  ["consul", ["http", "tcp", "grpc", "script"]],
  ["nomad", ["http", "tcp"]],
]);
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

export interface ServicePlace {
  /** Labels of the group's ports. */
  readonly ports: readonly string[];
  readonly tasks: readonly string[];
  readonly report: Report;
}

export function checkService(service: Service, { ports, tasks, report }: ServicePlace): void {
  const inner = report.at(`service ${JSON.stringify(service.Name)}`);
  // What the node fills in is checked there.
  const plain = service.Name.replaceAll(/\$\{[^}]*\}/g, "x");
  if (!LABEL.test(plain)) {
    inner.error("the name is no host name", "1 to 63 letters, digits and dashes, with a letter or digit at both ends");
  }
  oneOf(service.Provider, ["consul", "nomad"], { what: "the provider", report: inner });
  oneOf(service.AddressMode, ["auto", "alloc", "alloc_ipv6", "driver", "host"], {
    what: "the address_mode",
    report: inner,
  });
  oneOf(service.OnUpdate, ["require_healthy", "ignore_warnings", "ignore"], { what: "on_update", report: inner });
  checkPort(service.PortLabel, { ports, mode: service.AddressMode, report: inner });
  if (service.TaskName !== "" && !tasks.includes(service.TaskName)) {
    inner.error(`there is no task ${JSON.stringify(service.TaskName)}`, didYouMean(service.TaskName, tasks));
  }
  if (service.Identity !== null) checkIdentity(service.Identity, inner.at("identity"));
  checkConnect(service, inner.at("connect"));
  checkKeys(service.Meta, "meta", inner);
  for (const tag of [...service.Tags, ...service.CanaryTags]) checkText(tag, "a tag", inner);
  const known = CHECK_TYPES.get(service.Provider) ?? [];
  for (const check of service.Checks) checkCheck(check, { service, ports, known, tasks, report: inner });
}

/** The blocks are read and kept, and nothing is run for them: silence would look like a working mesh. */
function checkConnect({ Connect: connect, Provider: provider }: Service, report: Report): void {
  if (connect === null) return;
  if (provider === "nomad") report.error("the provider nomad knows no connect", 'write: provider = "consul"');
  const parts = ["Native", "SidecarService", "Gateway"].filter(
    (key) => connect[key] !== undefined && connect[key] !== false,
  );
  if (parts.filter((key) => connect[key] !== null).length !== 1)
    report.error("expected one of native, sidecar_service and gateway");
  if (connect["SidecarTask"] !== undefined && connect["SidecarTask"] !== null && parts.includes("Native"))
    report.error("a native service has no sidecar_task", "remove it");
  report.warn("no proxy is run for it: the service is registered without its mesh");
}

interface PortPlace {
  readonly ports: readonly string[];
  readonly mode: string;
  readonly report: Report;
}

/** A label of the group's network, or a number. */
function checkPort(label: string, { ports, mode, report }: PortPlace): void {
  if (label === "" || label.includes("${") || ports.includes(label)) return;
  if (/^\d+$/.test(label)) {
    if (Number(label) < 1 || Number(label) > 65_535) report.error(`the port ${label} is not between 1 and 65535`);
    return;
  }
  // With address_mode driver the port may be one the driver knows.
  if (mode === "driver") return;
  const hint = didYouMean(label, ports) ?? `add to the group: network { port ${JSON.stringify(label)} {} }`;
  report.error(`the port ${JSON.stringify(label)} is not among the group's ports`, hint);
}

interface CheckPlace {
  readonly service: Service;
  readonly ports: readonly string[];
  readonly known: readonly string[];
  readonly tasks: readonly string[];
  readonly report: Report;
}

function checkCheck(check: ServiceCheck, { service, ports, known, tasks, report }: CheckPlace): void {
  const inner = report.at("check");
  if (check.Type === "") return inner.error("the type is missing", `expected ${known.join(", ")}`);
  if (!known.includes(check.Type)) {
    return inner.error(
      `the type ${JSON.stringify(check.Type)} is not known`,
      `with provider ${service.Provider}: ${known.join(", ")}`,
    );
  }
  if (check.Interval < SECOND) inner.error(`the interval ${formatDuration(check.Interval)} is shorter than 1s`);
  if (check.Timeout < SECOND) inner.error(`the timeout ${formatDuration(check.Timeout)} is shorter than 1s`);
  if (check.CheckRestart !== null && check.CheckRestart.Limit < 0) inner.error("check_restart: the limit is negative");
  if (!["", "passing", "warning", "critical"].includes(check.InitialStatus)) {
    inner.error(
      `the initial_status ${JSON.stringify(check.InitialStatus)} is not known`,
      "expected passing, warning or critical",
    );
  }
  if (check.Type === "script") return checkScript(check, { service, tasks, report: inner });
  if (check.PortLabel === "")
    inner.error(`a ${check.Type} check needs a port`, "set port in the check or in the service");
  // What it has from its service was judged there.
  else if (check.PortLabel !== service.PortLabel)
    checkPort(check.PortLabel, {
      ports,
      mode: check.AddressMode === "" ? service.AddressMode : check.AddressMode,
      report: inner,
    });
  if (check.Type === "http") checkHttp(check, inner);
}

function checkHttp(check: ServiceCheck, report: Report): void {
  if (check.Path === "") report.error("an http check needs a path", 'for example: path = "/"');
  else if (/^[a-z]+:\/\//i.test(check.Path))
    report.error(`the path ${JSON.stringify(check.Path)} is a whole URL`, "write only the part after host and port");
  if (check.Method !== "" && !METHODS.includes(check.Method.toUpperCase())) {
    report.error(`the method ${JSON.stringify(check.Method)} is not known`, `expected ${METHODS.join(", ")}`);
  }
  if (!["", "http", "https"].includes(check.Protocol))
    report.error(`the protocol ${JSON.stringify(check.Protocol)} is not known`, "expected http or https");
}

function checkScript(
  check: ServiceCheck,
  place: { readonly service: Service; readonly tasks: readonly string[]; readonly report: Report },
): void {
  const { service, tasks, report } = place;
  if (check.Command === "") report.error("a script check needs a command");
  const task = check.TaskName === "" ? service.TaskName : check.TaskName;
  if (task === "" && tasks.length > 1)
    report.error("a script check of a group's service needs a task to run in", "set task in the check");
  if (task !== "" && !tasks.includes(task))
    report.error(`there is no task ${JSON.stringify(task)}`, didYouMean(task, tasks));
}
