import * as v from "valibot";
import type { JobAnswer } from "#base/client/nomad-answers.ts";
import { CodedError } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import type { FoundJob } from "./find-job.ts";

/** The kept version that a number or a tag means. */
export async function findVersion(
  session: NomadSession,
  { id, namespace }: FoundJob,
  wanted: string,
): Promise<JobAnswer> {
  const { Versions: versions } = valueOf(await session.nomad.jobs.versions(id, { namespace }));
  const isNumber = /^\d{1,15}$/.test(wanted);
  const found = versions.find(({ Version, VersionTag }) =>
    isNumber ? Version === Number(wanted) : VersionTag?.Name === wanted,
  );
  if (found !== undefined) return found;
  const kept = versions.map(({ Version, VersionTag }) =>
    VersionTag === null ? `${Version}` : `${Version} (${VersionTag.Name})`,
  );
  throw new CodedError(
    "missing",
    `job "${id}" has no ${isNumber ? "version" : "version with the tag"} ${wanted}`,
    `Kept are: ${kept.join(", ")}`,
  );
}

/** A version as the API gives it, for printing. */
export async function rawVersions(session: NomadSession, { id, namespace }: FoundJob): Promise<readonly RawVersion[]> {
  const path = `/v1/job/${encodeURIComponent(id)}/versions`;
  const schema = v.object({ Versions: v.array(v.looseObject({ Version: v.number() })) });
  return valueOf(await session.nomad.call({ path, query: { namespace }, schema })).Versions;
}

type RawVersion = Readonly<Record<string, unknown>> & { readonly Version: number };
