import { parseDuration } from "#base/language/duration.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { shortId } from "../print/time.ts";
import { findNode } from "./find-node.ts";
import { selfId } from "./self.ts";
import { printed } from "../print/show.ts";

const WAIT_MS = 60_000;
const HOUR_NS = 3600e9;

/** Lets a node take new allocations, or not; what runs there stays. */
export const eligibility = withNomad(async (session) => {
  const { flags, nomad, output, operands } = session;
  const eligible = oneOf(flags);
  const node = await chosen(session, operands[0]);
  const answer = valueOf(await nomad.nodes.setEligibility(node.ID, eligible));
  if (!(await printed({ flags, output }, answer)))
    output.line(
      `Node "${shortId(node.ID)}" scheduling eligibility set: ${eligible ? "eligible" : "ineligible"} for scheduling`,
    );
  return 0;
});

/** Moves what runs on a node elsewhere, and keeps new allocations away; or ends that. */
export const drain = withNomad(async (session) => {
  const { flags, nomad, output, operands } = session;
  const node = await chosen(session, operands[0]);
  if (flags.on("monitor")) {
    await untilDrained(session, { id: node.ID, from: 0 });
    return 0;
  }
  const enable = oneOf(flags);
  const spec = enable ? { Deadline: deadlineOf(flags), IgnoreSystemJobs: flags.on("ignore-system") } : null;
  const answer = valueOf(
    await nomad.nodes.drain(node.ID, {
      spec,
      markEligible: !enable && !flags.on("keep-ineligible"),
      meta: metaOf(flags),
    }),
  );
  if (await printed({ flags, output }, answer)) return 0;
  output.line(`Node "${shortId(node.ID)}" drain strategy ${enable ? "set" : "unset"}`);
  if (enable && !flags.on("detach")) await untilDrained(session, { id: node.ID, from: answer.NodeModifyIndex });
  return 0;
});

async function untilDrained(
  { nomad, output }: NomadSession,
  { id, from }: { readonly id: string; readonly from: number },
): Promise<void> {
  for (let index = Math.max(0, from - 1); ;) {
    const read = await nomad.nodes.read(id, { block: { index, waitMs: WAIT_MS } });
    const node = valueOf(read);
    index = read.ok ? Math.max(1, read.value.index) : index;
    if (node.Drain) continue;
    output.line(`Drain complete for node "${shortId(id)}": it stays ineligible until "lares node eligibility -enable"`);
    return;
  }
}

/** The node named, or with `-self` the one whose agent is asked. */
async function chosen(session: NomadSession, operand: string | undefined): Promise<{ readonly ID: string }> {
  return operand === undefined && session.flags.on("self") ? { ID: await selfId(session) } : findNode(session, operand);
}

function metaOf(flags: FlagValues): Record<string, string> {
  const message = flags.value("message");
  const pairs = flags.values("meta").map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw new UsageError(`-meta takes KEY=VALUE, not "${pair}"`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return { ...Object.fromEntries(pairs), ...(message === undefined ? {} : { message }) };
}

function oneOf(flags: FlagValues): boolean {
  if (flags.on("enable") === flags.on("disable")) throw new UsageError("give either -enable or -disable");
  return flags.on("enable");
}

/** -1 forces at once, 0 waits for ever. */
function deadlineOf(flags: FlagValues): number {
  if (flags.on("force")) return -1;
  if (flags.on("no-deadline")) return 0;
  const text = flags.value("deadline");
  if (text === undefined) return HOUR_NS;
  const ns = parseDuration(text);
  if (ns === undefined || ns <= 0) throw new UsageError(`-deadline takes a duration such as 30m, not "${text}"`);
  return ns;
}
