import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import type { TaskExit } from "../driver.ts";
import { WHOLE_LOG_SIZE } from "./log-access.ts";
import type { Engine } from "./engine.ts";

const LogConfigSchema = v.object({
  Type: v.string(),
  Config: v.nullish(v.record(v.string(), v.string()), () => ({})),
});

const EndpointSchema = v.object({
  IPAddress: v.nullish(v.string(), ""),
  GlobalIPv6Address: v.nullish(v.string(), ""),
});

/** The part of "inspect container" that matters here. */
const InspectSchema = v.object({
  Id: v.string(),
  State: v.object({
    Status: v.string(),
    Running: v.boolean(),
    Pid: v.nullish(v.number(), 0),
    ExitCode: v.number(),
    OOMKilled: v.nullish(v.boolean(), false),
    Error: v.nullish(v.string(), ""),
  }),
  LogPath: v.nullish(v.string(), ""),
  HostConfig: v.nullish(v.object({ LogConfig: LogConfigSchema })),
  Config: v.object({
    Tty: v.nullish(v.boolean(), false),
    Labels: v.nullish(v.record(v.string(), v.string()), () => ({})),
  }),
  NetworkSettings: v.object({
    Networks: v.nullish(v.record(v.string(), EndpointSchema), () => ({})),
  }),
});
export type Container = v.InferOutput<typeof InspectSchema>;

/** Undefined: there is no such container. Rejects when the engine is away. */
export async function inspectContainer(engine: Engine, id: string): Promise<Container | undefined> {
  const answer = await engine.call({ path: `/containers/${id}/json` });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`cannot inspect container ${id}: ${answer.message}`);
  return v.parse(InspectSchema, answer.value);
}

export function isOver({ State: state }: Container): boolean {
  return !state.Running && (state.Status === "exited" || state.Status === "dead");
}

export function exitOf({ State: state }: Container): TaskExit {
  const signal = state.ExitCode > 128 && state.ExitCode <= 128 + 64 ? state.ExitCode - 128 : 0;
  return { kind: "exited", code: state.ExitCode, signal, oomKilled: state.OOMKilled, message: state.Error };
}

/** Empty: it has none of its own. `preferred`: the one to tell, where it has both. */
export function addressOf({ NetworkSettings: settings }: Container, preferred: "ipv4" | "ipv6"): string {
  const networks = Object.values(settings.Networks);
  const [v4, v6] = [networks.map(({ IPAddress: ip }) => ip), networks.map(({ GlobalIPv6Address: ip }) => ip)];
  return (preferred === "ipv6" ? [...v6, ...v4] : v4).find((address) => address !== "") ?? "";
}

/** The engine's file of its output, where that is one file for ever and can be read here; else empty. */
export async function logPathOf({ disk }: Pick<Env, "disk">, { LogPath, HostConfig }: Container): Promise<string> {
  const log = HostConfig?.LogConfig;
  const isWhole = log?.Type === "json-file" && log.Config["max-size"] === WHOLE_LOG_SIZE;
  if (!isWhole || LogPath === "") return "";
  return (await disk.stat(LogPath).catch(() => undefined))?.kind === "file" ? LogPath : "";
}
