import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { flag, integer, list, optionalInteger, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { localTime, shortId } from "../print/time.ts";
import { findJob } from "./find-job.ts";

/** https://developer.hashicorp.com/nomad/api-docs/jobs#read-job-scale-status */
const EventSchema = v.object({
  Time: integer,
  Count: optionalInteger,
  PreviousCount: optionalInteger,
  Error: flag,
  Message: text,
  EvalID: v.nullish(v.string(), ""),
});
const ScaleSchema = v.object({
  TaskGroups: v.nullish(v.record(v.string(), v.object({ Events: list(EventSchema) })), () => ({})),
});

/** When and why the counts of a job's groups were changed, newest first. */
export const scalingEvents = withNomad(async (session) => {
  const { nomad, operands, flags } = session;
  const { id, namespace } = await findJob(session, operands[0]);
  const path = `/v1/job/${segment(id)}/scale`;
  const answer = valueOf(await nomad.call({ path, query: { namespace }, schema: ScaleSchema }));
  const events = Object.entries(answer.TaskGroups)
    .flatMap(([group, { Events }]) => Events.map((event) => ({ group, ...event })))
    .toSorted((a, b) => b.Time - a.Time);
  return show(session, answer.TaskGroups, () => {
    if (events.length === 0) return ["No events found"];
    const rows = events.map((event) => [
      event.group,
      String(event.Count ?? ""),
      String(event.PreviousCount ?? ""),
      String(event.Error),
      event.Message,
      event.EvalID === "" ? "" : flags.on("verbose") ? event.EvalID : shortId(event.EvalID),
      localTime(event.Time),
    ]);
    return columns(["Task Group", "Count", "PrevCount", "Error", "Message", "Eval ID", "Date"], rows);
  });
});
