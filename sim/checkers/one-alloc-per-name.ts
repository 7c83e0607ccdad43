import type { Alloc } from "#base/protocol/alloc.ts";
import type { Checker } from "../checker.ts";

/** Of a service job, a name (`job.group[0]`) is wanted on one node at a time. */
export class OneAllocPerName implements Checker {
  readonly name = "one alloc per name";
  #violation: string | undefined;

  /** `wanted`: all allocations whose desired status is run, and which did not end. */
  compare(wanted: Iterable<Pick<Alloc, "ID" | "Namespace" | "JobID" | "Name" | "NodeID">>): void {
    const byName = new Map<string, string>();
    for (const alloc of wanted) {
      const name = `${alloc.Namespace}/${alloc.JobID}/${alloc.Name}`;
      const other = byName.get(name);
      if (other !== undefined)
        this.#violation ??= `${name} is wanted twice: ${other} and ${alloc.ID} on ${alloc.NodeID}`;
      byName.set(name, alloc.ID);
    }
  }

  check(): string | undefined {
    return this.#violation;
  }
}
