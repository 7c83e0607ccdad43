import { UsageError, type FlagValues } from "../command/command.ts";

/** What is asked, and which index or hash the API waits by. */
export interface WatchKind {
  readonly path: string;
  readonly query: Readonly<Record<string, string | boolean | undefined>>;
  /** What of the answer is handed on. */
  readonly pick: (answer: unknown) => unknown;
}

const whole = (answer: unknown): unknown => answer;

/** https://developer.hashicorp.com/consul/commands/watch. Throws a {@link UsageError}. */
export function watchKind(flags: FlagValues): WatchKind {
  const type = flags.value("type") ?? "";
  const need = (flag: string): string => {
    const given = flags.value(flag) ?? "";
    if (given === "") throw new UsageError(`-type=${type} needs -${flag}`);
    return given;
  };
  const service = (): string => encodeURIComponent(need("service"));
  switch (type) {
    case "key":
      return { path: `/v1/kv/${keyPath(need("key"))}`, query: {}, pick: firstOf };
    case "keyprefix":
      return { path: `/v1/kv/${keyPath(need("prefix"))}`, query: { recurse: true }, pick: whole };
    case "services":
      return { path: "/v1/catalog/services", query: {}, pick: whole };
    case "nodes":
      return { path: "/v1/catalog/nodes", query: {}, pick: whole };
    case "service": {
      const passing = flags.on("passingonly") ? true : undefined;
      return { path: `/v1/health/service/${service()}`, query: { passing, tag: flags.value("tag") }, pick: whole };
    }
    case "checks": {
      const ofService = flags.value("service") !== undefined;
      const path = ofService ? `/v1/health/checks/${service()}` : `/v1/health/state/${flags.value("state") ?? "any"}`;
      return { path, query: {}, pick: whole };
    }
    case "event":
      return { path: "/v1/event/list", query: { name: flags.value("name") }, pick: whole };
    case "agent_service":
      return { path: `/v1/agent/service/${encodeURIComponent(need("service"))}`, query: {}, pick: whole };
    default:
      throw new UsageError(
        `-type is ${JSON.stringify(type)}, expected key, keyprefix, services, nodes, service, checks, event or agent_service`,
      );
  }
}

function keyPath(key: string): string {
  return key.replace(/^\//, "").split("/").map(encodeURIComponent).join("/");
}

function firstOf(answer: unknown): unknown {
  return Array.isArray(answer) ? (answer[0] ?? null) : null;
}
