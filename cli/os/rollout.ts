import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { RolloutSchema, type Rollout } from "#base/protocol/rollout.ts";
import { foundOf, valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";

const PATH = "/v1/operator/firmware/rollout";
const PAUSE_MS = 2000;
const AnswerSchema = v.looseObject(RolloutSchema.entries);

/** Exit code 0: it runs, or every node has it; 1: it failed or was stopped. */
export const osRollout = withNomad(async (session) => {
  const { nomad, operands, flags } = session;
  if (flags.on("stop")) {
    const stopped = valueOf(await nomad.call({ method: "DELETE", path: PATH, schema: AnswerSchema }));
    return show(session, stopped, () => lines(stopped));
  }
  const [source, ...more] = operands;
  if (more.length > 0) throw new UsageError("name one update: its URL, or that of a channel (NAME.json)");
  if (source === undefined) return flags.on("follow") ? follow(session) : status(session);
  const body = {
    Source: source,
    Window: flags.value("window") ?? "",
    Older: flags.on("older"),
    Nodes: flags.values("node"),
  };
  const begun = valueOf(await nomad.call({ method: "PUT", path: PATH, body, schema: AnswerSchema }));
  if (flags.on("detach") || flags.on("json")) return show(session, begun, () => lines(begun));
  return follow(session);
});

async function read({ nomad }: NomadSession): Promise<Rollout | undefined> {
  return foundOf(await nomad.call({ path: PATH, schema: AnswerSchema }));
}

async function status(session: NomadSession): Promise<number> {
  const found = await read(session);
  if (found === undefined) {
    session.output.line("No update of the cluster was begun yet.");
    return 0;
  }
  await show(session, found, () => lines(found));
  return codeOf(found);
}

/** A line for each change, until it is over. The server asked may restart meanwhile; what it refuses at first, it refuses. */
async function follow(session: NomadSession): Promise<number> {
  const { env, output } = session;
  const told = new Map<string, string>();
  let found = await read(session);
  for (;;) {
    for (const node of found?.Nodes ?? []) {
      const line = `${node.State}${node.Reason === "" ? "" : `: ${node.Reason}`}`;
      if (told.get(node.NodeID) !== line && (told.has(node.NodeID) || node.State !== "waiting"))
        output.line(`${node.Name}: ${line}`);
      told.set(node.NodeID, line);
    }
    if (found !== undefined && found.State !== "running") {
      output.line(summary(found));
      return codeOf(found);
    }
    await sleep(env.clock, PAUSE_MS);
    found = await read(session).catch(() => undefined);
  }
}

function codeOf({ State }: Rollout): number {
  return State === "failed" || State === "stopped" ? 1 : 0;
}

function summary({ State, Reason, Nodes }: Rollout): string {
  const updated = Nodes.filter((node) => node.State === "updated").length;
  return `${State}${Reason === "" ? "" : `: ${Reason}`}; ${updated} of ${Nodes.length} nodes updated`;
}

function lines(rollout: Rollout): string[] {
  const { Source, Window, StartedAt, Nodes } = rollout;
  return [
    ...properties([
      ["Source", Source],
      ["State", summary(rollout)],
      ["Window", Window === "" ? "any time" : Window],
      ["Began", new Date(StartedAt).toISOString()],
    ]),
    "",
    ...columns(
      ["Node", "State", "From", "To", "Reason"],
      Nodes.map(({ Name, State, From, To, Reason }) => [Name, State, From, To, Reason]),
    ),
  ];
}
