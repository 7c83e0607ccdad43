import type { Alloc, AllocReport } from "#base/protocol/alloc.ts";
import type { Sharing } from "./sharing.ts";

/** What the allocations of one plan, or of one job, have in common. */
export function shareAlloc(alloc: Alloc, sharing: Sharing): void {
  alloc.Namespace = sharing.text(alloc.Namespace);
  alloc.EvalID = sharing.text(alloc.EvalID);
  alloc.NodeID = sharing.text(alloc.NodeID);
  alloc.NodeName = sharing.text(alloc.NodeName);
  alloc.JobID = sharing.text(alloc.JobID);
  alloc.TaskGroup = sharing.text(alloc.TaskGroup);
  alloc.DeploymentID = sharing.text(alloc.DeploymentID);
  alloc.DesiredDescription = sharing.text(alloc.DesiredDescription);
  alloc.AllocatedResources = sharing.last("resources", alloc.AllocatedResources);
  alloc.DesiredTransition = sharing.last("transition", alloc.DesiredTransition);
  const { Metrics: metrics } = alloc;
  if (metrics === null) return;
  metrics.NodesAvailable = sharing.last("available", metrics.NodesAvailable);
  metrics.ClassFiltered = sharing.last("classFiltered", metrics.ClassFiltered);
  metrics.ConstraintFiltered = sharing.last("constraintFiltered", metrics.ConstraintFiltered);
  metrics.ClassExhausted = sharing.last("classExhausted", metrics.ClassExhausted);
  metrics.DimensionExhausted = sharing.last("dimensionExhausted", metrics.DimensionExhausted);
  metrics.QuotaExhausted = sharing.last("quotaExhausted", metrics.QuotaExhausted);
  for (const score of metrics.ScoreMetaData) {
    score.NodeID = sharing.text(score.NodeID);
    score.Scores = sharing.last("scores", score.Scores);
  }
}

/** What the reports of tasks that run well have in common: the words of their events. */
export function shareReport(report: AllocReport, sharing: Sharing): void {
  report.NodeID = sharing.text(report.NodeID);
  report.DeploymentID = sharing.text(report.DeploymentID);
  report.ClientDescription = sharing.text(report.ClientDescription);
  for (const state of Object.values(report.TaskStates)) {
    for (const event of state.Events) {
      event.Type = sharing.text(event.Type);
      event.DisplayMessage = sharing.text(event.DisplayMessage);
      event.Message = sharing.text(event.Message);
      event.Details = sharing.last("details", event.Details);
    }
  }
}
