import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Job, VersionTag } from "#base/protocol/job.ts";
import { put, unchanged } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { jobVersions } from "#base/state/tables.ts";
import { nowNsOf, readable, type ServerContext } from "./server-context.ts";

export interface TagRequest {
  readonly name: string;
  readonly description: string;
  /** Undefined: the newest. */
  readonly version: number | undefined;
}

export interface Tagged {
  readonly tag: VersionTag;
  readonly index: number;
}

interface JobPlace {
  readonly namespace: string;
  readonly id: string;
}

const MAX_NAME = 256;
const MAX_DESCRIPTION = 1000;

/** Gives a version a name; it is kept as long as it has one. A version has one name, and a name one version. */
export async function applyTag(context: ServerContext, at: JobPlace, request: TagRequest): Promise<Result<Tagged>> {
  const { namespace, id } = at;
  const { name, description } = request;
  const problem = problemOf(request);
  if (problem !== undefined) return fail("bad_tag", problem);
  const job = context.state.job(namespace, id);
  if (job === undefined) return fail("not_found", "job not found");
  const version = request.version ?? job.value.Version;
  const rows = context.state.currentVersions(job);
  const row = rows.find(({ value }) => value.Version === version);
  if (row === undefined)
    return fail("not_found", `job "${id}" in namespace "${namespace}" at version ${version} not found`);
  const other = rows.find(({ value }) => value.VersionTag?.Name === name && value.Version !== version);
  if (other !== undefined)
    return fail(
      "bad_tag",
      `tag "${name}" already exists on a different version of job "${id}": ${other.value.Version}`,
    );
  const tag: VersionTag = { Name: name, Description: description, TaggedTime: nowNsOf(context) };
  return write(context, row, tag);
}

export async function removeTag(
  context: ServerContext,
  { namespace, id }: JobPlace,
  name: string,
): Promise<Result<Tagged>> {
  const job = context.state.job(namespace, id);
  if (job === undefined) return fail("not_found", "job not found");
  const row = context.state.currentVersions(job).find(({ value }) => value.VersionTag?.Name === name);
  const tag = row?.value.VersionTag ?? undefined;
  if (row === undefined || tag === undefined) return fail("not_found", `tag "${name}" not found on job "${id}"`);
  const done = await write(context, row, null);
  return done.ok ? succeed({ ...done.value, tag }) : done;
}

async function write(context: ServerContext, row: Row<Job>, VersionTag: VersionTag | null): Promise<Result<Tagged>> {
  const then = [put(jobVersions, row, { ...row.value, VersionTag })];
  const result = await context.store.txn({ compare: [unchanged(jobVersions, row)], then });
  if (!result.ok) return fail("conflict", "the job was changed at the same time");
  const index = await readable(context, result.revision);
  return succeed({ tag: VersionTag ?? { Name: "", Description: "", TaggedTime: 0 }, index });
}

function problemOf({ name, description }: TagRequest): string | undefined {
  if (name === "") return "tag name is empty";
  if (name.length > MAX_NAME || /[\p{Cc}/]/u.test(name))
    return `tag name ${JSON.stringify(name.slice(0, MAX_NAME))} is not valid: at most ${MAX_NAME} characters, no slash, no control characters`;
  // A number would be taken for a version.
  if (/^\d+$/.test(name)) return `tag name "${name}" is a number, as versions are: choose a word`;
  return description.length > MAX_DESCRIPTION ? `description has more than ${MAX_DESCRIPTION} characters` : undefined;
}
