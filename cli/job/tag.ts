import * as v from "valibot";
import { VersionTagSchema } from "#base/protocol/job.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { findJob } from "./find-job.ts";
import { printed } from "../print/show.ts";

const Answer = v.object(VersionTagSchema.entries);

/** Names a version of a job; it is kept as long as it has a name. */
export const applyTag = withNomad(async (session) => {
  const { flags, output, nomad } = session;
  const { name, id, namespace, path } = await placeOf(session);
  const version = flags.value("version");
  if (version !== undefined && !/^\d{1,15}$/.test(version))
    throw new UsageError(`-version takes a version's number, not "${version}"`);
  const answer = valueOf(
    await nomad.call({
      method: "PUT",
      path,
      query: { namespace },
      body: { Version: version === undefined ? null : Number(version), Description: flags.value("description") ?? "" },
      schema: Answer,
    }),
  );
  if (!(await printed({ flags, output }, answer)))
    output.line(`Job version ${version ?? "(the newest)"} of "${id}" is tagged "${name}"`);
  return 0;
});

/** Takes the name away again. */
export const unsetTag = withNomad(async (session) => {
  const { flags, output, nomad } = session;
  const { name, id, namespace, path } = await placeOf(session);
  const answer = valueOf(await nomad.call({ method: "DELETE", path, query: { namespace }, schema: Answer }));
  if (!(await printed({ flags, output }, answer))) output.line(`Tag "${name}" of job "${id}" is removed`);
  return 0;
});

async function placeOf(session: NomadSession) {
  const name = session.flags.value("name") ?? "";
  if (name === "") throw new UsageError("give the tag: -name NAME");
  const { id, namespace } = await findJob(session, session.operands[0]);
  return { name, id, namespace, path: `/v1/job/${encodeURIComponent(id)}/versions/${encodeURIComponent(name)}/tag` };
}
