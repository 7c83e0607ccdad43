import type { Job } from "#base/protocol/job.ts";

export interface Preserved {
  readonly preserveCounts?: boolean;
  readonly preserveResources?: boolean;
}

/** The job, with the counts and resources that its groups and tasks of the same names have now. */
export function preserve(job: Job, existing: Job | undefined, { preserveCounts, preserveResources }: Preserved): Job {
  if (existing === undefined || (preserveCounts !== true && preserveResources !== true)) return job;
  const groups = new Map(existing.TaskGroups.map((group) => [group.Name, group]));
  return {
    ...job,
    TaskGroups: job.TaskGroups.map((group) => {
      const known = groups.get(group.Name);
      if (known === undefined) return group;
      const Count = preserveCounts === true ? known.Count : group.Count;
      if (preserveResources !== true) return { ...group, Count };
      const tasks = new Map(known.Tasks.map((task) => [task.Name, task.Resources]));
      const Tasks = group.Tasks.map((task) => ({ ...task, Resources: tasks.get(task.Name) ?? task.Resources }));
      return { ...group, Count, Tasks };
    }),
  };
}
