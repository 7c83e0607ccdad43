import * as v from "valibot";
import type { TaskExit } from "../driver.ts";
import type { Engine } from "./engine.ts";

/** The part of "inspect container" that matters here. */
const InspectSchema = v.object({
  Id: v.string(),
  State: v.object({
    Status: v.string(),
    Running: v.boolean(),
    ExitCode: v.number(),
    OOMKilled: v.nullish(v.boolean(), false),
    Error: v.nullish(v.string(), ""),
  }),
  Config: v.object({
    Tty: v.nullish(v.boolean(), false),
    Labels: v.nullish(v.record(v.string(), v.string()), () => ({})),
  }),
  NetworkSettings: v.object({
    Networks: v.nullish(v.record(v.string(), v.object({ IPAddress: v.nullish(v.string(), "") })), () => ({})),
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

export function addressOf({ NetworkSettings: settings }: Container): string {
  return Object.values(settings.Networks).find((network) => network.IPAddress !== "")?.IPAddress ?? "";
}
