import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { AgentCheckDefinition } from "#base/protocol/catalog.ts";
import type { Probe, ProbeTls } from "./probe.ts";

interface Rules {
  /** 0: it is no TTL check. */
  readonly ttlMs: number;
  readonly enableScriptChecks: boolean;
  readonly nodeName: string;
}

/** What a definition asks for. Fails with `invalid_check`. */
export function readProbe(definition: AgentCheckDefinition, rules: Rules): Result<Probe> {
  const argv = definition.ScriptArgs.length > 0 ? definition.ScriptArgs : definition.Args;
  const { DockerContainerID: container } = definition;
  const kinds: readonly (readonly [string, boolean, () => Result<Probe>])[] = [
    ["TTL", rules.ttlMs > 0, () => succeed({ kind: "ttl", ttlMs: rules.ttlMs })],
    ["TCP", definition.TCP !== "", () => readTcp(definition)],
    ["UDP", definition.UDP !== "", () => readUdp(definition)],
    ["HTTP", definition.HTTP !== "", () => readHttp(definition)],
    ["GRPC", definition.GRPC !== "", () => readGrpc(definition)],
    ["H2PING", definition.H2PING !== "", () => readH2Ping(definition)],
    ["OSService", definition.OSService !== "", () => succeed({ kind: "os_service", unit: definition.OSService })],
    ["DockerContainerID", container !== "", () => readDocker(definition, argv, rules)],
    ["ScriptArgs", container === "" && argv.length > 0, () => readScript(definition, argv, rules)],
    ["AliasService", isAlias(definition), () => readAlias(definition, rules)],
  ];
  const named = kinds.filter(([, isNamed]) => isNamed);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only[2]();
  const found = named.length === 0 ? "none" : named.map(([name]) => name).join(", ");
  const wanted = kinds.map(([name]) => name).join(", ");
  return invalidCheck(definition, `exactly one of ${wanted} is wanted, found ${found}`);
}

export function invalidCheck(definition: AgentCheckDefinition, problem: string, hint?: string): Result<never> {
  const id = definition.CheckID || definition.ID || definition.Name;
  return fail("invalid_check", `Invalid check${id === "" ? "" : ` ${JSON.stringify(id)}`}: ${problem}`, hint);
}

function isAlias({ AliasService, AliasNode }: AgentCheckDefinition): boolean {
  return AliasService !== "" || AliasNode !== "";
}

function readAlias({ AliasNode, AliasService }: AgentCheckDefinition, { nodeName }: Rules): Result<Probe> {
  return succeed({ kind: "alias", node: AliasNode === "" ? nodeName : AliasNode, serviceId: AliasService });
}

function readScript(definition: AgentCheckDefinition, argv: readonly string[], rules: Rules): Result<Probe> {
  return rules.enableScriptChecks ? succeed({ kind: "script", argv }) : scriptsDisabled(definition);
}

function readDocker(definition: AgentCheckDefinition, argv: readonly string[], rules: Rules): Result<Probe> {
  const { DockerContainerID: container, Shell: shell } = definition;
  if (!rules.enableScriptChecks) return scriptsDisabled(definition);
  if (container.startsWith("-") || argv.length === 0)
    return invalidCheck(definition, "a Docker check names a container, and in Args what to run in it");
  return succeed({ kind: "docker", container, argv: shell === "" ? argv : [shell, "-c", argv.join(" ")] });
}

function scriptsDisabled(definition: AgentCheckDefinition): Result<never> {
  return invalidCheck(
    definition,
    "Scripts are disabled on this agent",
    "set discovery { enable_local_script_checks = true } and define it in a file, or use a TCP, HTTP or TTL check",
  );
}

function readTcp(definition: AgentCheckDefinition): Result<Probe> {
  const at = readAddress(definition, "TCP");
  if (!at.ok) return at;
  const tls = definition.TCPUseTLS ? tlsOf(definition) : undefined;
  return succeed({ kind: "tcp", ...at.value, tls });
}

function readUdp(definition: AgentCheckDefinition): Result<Probe> {
  const at = readAddress(definition, "UDP");
  return at.ok ? succeed({ kind: "udp", ...at.value }) : at;
}

function readH2Ping(definition: AgentCheckDefinition): Result<Probe> {
  const at = readAddress(definition, "H2PING");
  const tls = definition.H2PingUseTLS ? tlsOf(definition) : undefined;
  return at.ok ? succeed({ kind: "h2ping", ...at.value, tls }) : at;
}

/** `HOST:PORT`, or `HOST:PORT/SERVICE`. */
function readGrpc(definition: AgentCheckDefinition): Result<Probe> {
  const slash = definition.GRPC.indexOf("/");
  const address = slash < 0 ? definition.GRPC : definition.GRPC.slice(0, slash);
  const service = slash < 0 ? "" : definition.GRPC.slice(slash + 1);
  const at = readAddress({ ...definition, GRPC: address }, "GRPC");
  const tls = definition.GRPCUseTLS ? tlsOf(definition) : undefined;
  return at.ok ? succeed({ kind: "grpc", ...at.value, service, tls }) : at;
}

function tlsOf({ TLSSkipVerify, TLSServerName }: AgentCheckDefinition): ProbeTls {
  return { verify: !TLSSkipVerify, ...(TLSServerName === "" ? {} : { serverName: TLSServerName }) };
}

function readAddress(
  definition: AgentCheckDefinition,
  field: "TCP" | "UDP" | "H2PING" | "GRPC",
): Result<{ readonly host: string; readonly port: number }> {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(definition[field]) ?? [];
  const port = Number(portText);
  const host = bracketed ?? plain;
  if (host === undefined || !(port >= 1 && port <= 65_535))
    return invalidCheck(definition, `${field} is ${JSON.stringify(definition[field])}, expected HOST:PORT`);
  return succeed({ host: host === "" ? "127.0.0.1" : host, port });
}

function readHttp(definition: AgentCheckDefinition): Result<Probe> {
  const url = URL.parse(definition.HTTP);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    return invalidCheck(definition, `HTTP is ${JSON.stringify(definition.HTTP)}, expected an http:// or https:// URL`);
  }
  const headers = Object.entries(definition.Header).map(([name, values]) => [name, values.join(", ")] as const);
  return succeed({
    kind: "http",
    url: definition.HTTP,
    method: definition.Method === "" ? "GET" : definition.Method.toUpperCase(),
    headers: Object.fromEntries(headers),
    body: definition.Body,
    followRedirects: !definition.DisableRedirects,
    verifyTls: !definition.TLSSkipVerify,
    serverName: definition.TLSServerName,
  });
}
