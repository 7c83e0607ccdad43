import * as v from "valibot";
import { JobAnswerSchema, JobDiffSchema, type JobAnswer, type JobDiff } from "#base/client/nomad-answers.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { properties } from "../print/columns.ts";
import { printJson } from "../print/json.ts";
import { localTime } from "../print/time.ts";
import { diffLines } from "./diff-lines.ts";
import { findJob, type FoundJob } from "./find-job.ts";
import { findVersion, rawVersions } from "./find-version.ts";
import { printed } from "../print/show.ts";

/** The kept versions, newest first: `-p` with what each changed, `-diff-version` and `-diff-tag` compared with one. */
export const history = withNomad(async (session) => {
  const { output, flags } = session;
  const found = await findJob(session, session.operands[0]);
  const only = flags.value("version");
  const wanted = only === undefined ? undefined : (await findVersion(session, found, only)).Version;
  const raw = (await rawVersions(session, found)).filter(({ Version }) => wanted === undefined || Version === wanted);
  if (await printed({ flags, output }, raw)) return 0;
  const versions = raw.map((each) => v.parse(JobAnswerSchema, each));
  const diffs = await diffsOf(session, found);
  for (const [at, version] of versions.entries()) {
    if (at > 0) output.line("");
    for (const line of properties(facts(version))) output.line(line);
    const diff = diffs.get(version.Version);
    if (diff !== undefined) output.line(["Diff        =", ...diffLines(diff, false)].join("\n"));
    if (flags.on("full")) printJson(output, raw[at]);
  }
  return 0;
});

function facts({ Version, Stable, SubmitTime, VersionTag }: JobAnswer): (readonly [string, string])[] {
  return [
    ["Version", String(Version)],
    ["Stable", String(Stable)],
    ["Submit Date", localTime(SubmitTime)],
    ...(VersionTag === null
      ? []
      : ([
          ["Tag Name", VersionTag.Name],
          ["Tag Description", VersionTag.Description],
        ] as const)),
  ];
}

/** By the version they belong to. */
async function diffsOf(session: NomadSession, { id, namespace }: FoundJob): Promise<ReadonlyMap<number, JobDiff>> {
  const { flags, nomad } = session;
  const version = flags.value("diff-version");
  const tag = flags.value("diff-tag");
  if (version !== undefined && tag !== undefined) throw new UsageError("give -diff-version or -diff-tag, not both");
  if (version === undefined && tag === undefined && !flags.on("p")) return new Map();
  const base = version ?? tag;
  const compared = base === undefined ? undefined : (await findVersion(session, { id, namespace }, base)).Version;
  const answer = valueOf(
    await nomad.call({
      path: `/v1/job/${encodeURIComponent(id)}/versions`,
      query: { namespace, diffs: true, diff_version: compared },
      schema: v.object({
        Versions: v.array(v.object({ Version: v.number() })),
        Diffs: v.nullish(v.array(JobDiffSchema), () => []),
      }),
    }),
  );
  // Against one: every version but it. Against the one before: every version but the oldest.
  const order = answer.Versions.map(({ Version }) => Version).filter((each) => each !== compared);
  return new Map(answer.Diffs.map((diff, at) => [order[at] ?? -1, diff]));
}
