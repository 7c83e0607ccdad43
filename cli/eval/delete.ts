import * as v from "valibot";
import { integer } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { show } from "../print/show.ts";
import { findEval } from "./eval.ts";

/** One evaluation, or all that `-filter` chooses. The broker has to be paused for it, as the API asks. */
export const remove = withNomad(async (session) => {
  const { nomad, operands, flags, namespace } = session;
  const filter = flags.value("filter");
  if ((filter === undefined) === (operands.length === 0)) throw new UsageError("name an evaluation, or give -filter");
  const ids = filter === undefined ? [(await findEval(session)).ID] : [];
  const answer = valueOf(
    await nomad.call({
      method: "DELETE",
      path: "/v1/evaluations",
      query: { namespace: namespace ?? (filter === undefined ? undefined : "*"), filter },
      body: { EvalIDs: ids, Filter: filter ?? "" },
      schema: v.nullish(v.object({ Count: integer }), () => ({ Count: ids.length })),
    }),
  );
  const count = answer.Count === 0 ? ids.length : answer.Count;
  return show(session, { Count: count }, () => [`Successfully deleted ${count} evaluation${count === 1 ? "" : "s"}`]);
});
