import type { Alloc } from "#base/protocol/alloc.ts";
import type { Evaluation } from "#base/protocol/evaluation.ts";
import type { Job } from "#base/protocol/job.ts";
import { withState, type KnownAlloc } from "../alloc-state.ts";
import type { NewAlloc, PlannedDeployment } from "../plan.ts";
import type { Stop } from "../reconcile/decision.ts";

/** A plan while it is being made. Several steps may change one allocation; the last record holds all of it. */
export class PlanDraft {
  readonly creates: NewAlloc[] = [];
  readonly evaluations: Evaluation[] = [];
  readonly deployments: PlannedDeployment[] = [];
  /** Revisions of the records that changes were made from. */
  readonly bases = new Map<string, number>();
  readonly #changes = new Map<string, Alloc>();
  readonly #nowNs: number;

  constructor(nowNs: number) {
    this.#nowNs = nowNs;
  }

  get changes(): Alloc[] {
    return [...this.#changes.values()];
  }

  /** The record as the plan has it so far. */
  current({ alloc }: KnownAlloc): Alloc {
    return this.#changes.get(alloc.ID) ?? alloc;
  }

  change(known: KnownAlloc, fields: Partial<Alloc>): Alloc {
    const changed = { ...this.current(known), ...fields, ModifyTime: this.#nowNs };
    this.#changes.set(changed.ID, changed);
    this.bases.set(changed.ID, known.allocIndex);
    return changed;
  }

  stop({ known, description, lost }: Stop): void {
    this.change(known, { DesiredStatus: "stop", DesiredDescription: description, Lost: lost });
  }

  update(known: KnownAlloc, to: { readonly job: Job | undefined; readonly deploymentId: string }): void {
    if (to.job === undefined) return;
    this.change(known, { JobVersion: to.job.Version, DeploymentID: to.deploymentId, DeploymentHealth: null });
  }

  /** Its node is out of reach: nobody knows how it fares. */
  lose(known: KnownAlloc): void {
    this.change(known, { AllocStates: withState(this.current(known), "unknown", this.#nowNs) });
  }

  /** Its node is back, and it goes on. What replaced it meanwhile is not its successor any more. */
  find(known: KnownAlloc): void {
    const AllocStates = withState(this.current(known), "running", this.#nowNs);
    this.change(known, { AllocStates, NextAllocation: "", FollowupEvalID: "" });
  }

  /** Its record as it becomes when another takes its place; written only together with that one. */
  evict(known: KnownAlloc, by: string): Alloc {
    const changed = this.change(known, {
      DesiredStatus: "evict",
      DesiredDescription: `Preempted by alloc ID ${by}`,
      PreemptedByAllocation: by,
    });
    this.#changes.delete(changed.ID);
    return changed;
  }

  /** A new allocation and the mark it leaves on the one it follows, which come to be together or not at all. */
  create(
    created: Omit<NewAlloc, "previous" | "previousAlone">,
    previous: { known: KnownAlloc; stop: string | undefined } | undefined,
  ): void {
    if (previous === undefined) {
      this.creates.push({ ...created, previous: undefined, previousAlone: undefined });
      return;
    }
    const previousAlone = this.#changes.get(previous.known.alloc.ID);
    const stopped: Partial<Alloc> =
      previous.stop === undefined ? {} : { DesiredStatus: "stop", DesiredDescription: previous.stop };
    const changed = this.change(previous.known, { ...stopped, NextAllocation: created.alloc.ID });
    this.#changes.delete(changed.ID);
    this.creates.push({ ...created, previous: changed, previousAlone });
  }
}
