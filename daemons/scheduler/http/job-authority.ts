import { demand, type Access } from "#base/http/access.ts";
import type { Job } from "#base/protocol/job.ts";

/**
 * What a job takes that is submitted: a capability in its namespace, and leave for the volumes and plugins it names.
 * Throws a 403.
 */
export function demandForJob(access: Access, job: Job, capability: "register-job" | "plan-job"): void {
  const inNamespace = (what: string): void =>
    demand(access, { resource: "namespace", capability: what, name: job.Namespace });
  inNamespace(capability);
  for (const group of job.TaskGroups) {
    for (const { Type, Source, ReadOnly } of Object.values(group.Volumes)) {
      if (Type === "csi") inNamespace("csi-mount-volume");
      if (Type !== "host") continue;
      const capability = ReadOnly ? "mount-readonly" : "mount-readwrite";
      demand(access, { resource: "host-volume", capability, name: Source });
    }
    if (group.Tasks.some(({ CSIPluginConfig }) => CSIPluginConfig !== null)) inNamespace("csi-register-plugin");
  }
}
