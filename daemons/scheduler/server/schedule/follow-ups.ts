import { newEvaluation } from "../evaluation.ts";
import type { Decision } from "../reconcile/decision.ts";
import type { PlanDraft } from "./plan-draft.ts";
import type { ScheduleDeps, ScheduleRequest } from "./request.ts";

/** Failures that are due within this of each other share one evaluation. */
const TOGETHER_NS = 5e9;

const WORDING = {
  failed: { trigger: "alloc-failure", description: "created for delayed rescheduling" },
  away: { trigger: "max-disconnect-timeout", description: "created to give up allocations of a disconnected node" },
} as const;

/** Evaluations for allocations whose time has not come, unless one is waiting for them already. */
export function followUpLater(
  { state, random }: ScheduleDeps,
  { request, decision, draft }: { request: ScheduleRequest; decision: Decision; draft: PlanDraft },
): void {
  const { evaluation, nowNs } = request;
  const waiting = decision.later.filter(({ known }) => {
    const followUp = state.evaluation(known.alloc.Namespace, known.alloc.FollowupEvalID)?.value;
    return followUp?.Status !== "pending" || followUp.ID === evaluation.ID;
  });
  let open: { readonly id: string; readonly atNs: number; readonly why: string } | undefined;
  for (const { known, atNs, why } of waiting.toSorted((a, b) => a.atNs - b.atNs)) {
    if (open === undefined || open.why !== why || atNs > open.atNs + TOGETHER_NS) {
      open = { id: random.uuid(), atNs, why };
      draft.evaluations.push(
        newEvaluation({
          id: open.id,
          namespace: evaluation.Namespace,
          jobId: evaluation.JobID,
          type: evaluation.Type,
          priority: evaluation.Priority,
          trigger: WORDING[why].trigger,
          nowNs,
          fields: {
            WaitUntil: atNs,
            PreviousEval: evaluation.ID,
            StatusDescription: WORDING[why].description,
          },
        }),
      );
    }
    draft.change(known, { FollowupEvalID: open.id });
  }
}
