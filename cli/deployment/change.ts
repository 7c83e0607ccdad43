import * as v from "valibot";
import type { DeploymentAnswer } from "#base/client/nomad-answers.ts";
import { segment } from "#base/client/api-caller.ts";
import { integer, optionalInteger, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import type { RunCommand } from "../command/command.ts";
import { EXIT_CODES, monitorEval } from "../job/monitor.ts";
import { shortId } from "../print/time.ts";
import { findDeployment } from "./find-deployment.ts";
import { printed } from "../print/show.ts";

const ChangeSchema = v.object({ EvalID: text, DeploymentModifyIndex: integer, RevertedJobVersion: optionalInteger });

/** `-group` may be repeated; without it every group's canaries are taken. */
export const promote = changing("promote", (session) => {
  const groups = session.flags.values("group");
  return { body: groups.length === 0 ? { All: true } : { Groups: groups }, done: "promoted" };
});
export const fail = changing("fail", () => ({ body: {}, done: "failed" }));
export const pause = changing("pause", () => ({ body: { Pause: true }, done: "paused" }));
export const resume = changing("pause", () => ({ body: { Pause: false }, done: "resumed" }));
export const unblock = changing("unblock", () => ({ body: {}, done: "unblocked" }));

interface Change {
  readonly body: object;
  readonly done: string;
}

function changing(verb: string, changeOf: (session: NomadSession) => Change): RunCommand {
  return withNomad(async (session) => {
    const deployment = await findDeployment(session);
    return change(session, deployment, { verb, ...changeOf(session) });
  });
}

/** Carries a change of a deployment out and follows the evaluation it makes. */
export async function change(
  session: NomadSession,
  { ID, Namespace }: DeploymentAnswer,
  { verb, body, done }: Change & { readonly verb: string },
): Promise<number> {
  const { nomad, flags, output } = session;
  const answer = valueOf(
    await nomad.call({
      method: "PUT",
      path: `/v1/deployment/${verb}/${segment(ID)}`,
      query: { namespace: Namespace },
      body: { DeploymentID: ID, ...body },
      schema: ChangeSchema,
    }),
  );
  if (await printed({ flags, output }, answer)) return 0;
  output.line(`Deployment "${flags.on("verbose") ? ID : shortId(ID)}" ${done}`);
  if (answer.RevertedJobVersion !== null) {
    output.line(`Job goes back to version ${answer.RevertedJobVersion}`);
  }
  if (answer.EvalID === "") return 0;
  if (flags.on("detach")) {
    output.line(`Evaluation ID: ${answer.EvalID}`);
    return 0;
  }
  return EXIT_CODES[await monitorEval(session, answer.EvalID)];
}
