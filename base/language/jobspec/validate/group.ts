import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { NetworkResource } from "#base/protocol/resources.ts";
import type { VolumeRequest } from "#base/protocol/task.ts";
import { checkAffinities, checkConstraints, checkSpreads } from "./constraints.ts";
import { checkMigrate, checkReschedule, checkRestart, checkUpdate } from "./policies.ts";
import { checkKeys, checkName, oneOf, unique, type Report } from "./report.ts";
import { checkService } from "./service.ts";
import { checkTask } from "./task.ts";

const MIN_DISK_MB = 10;

export interface GroupPlace {
  readonly job: Job;
  readonly maxCount: number;
  readonly report: Report;
}

export function checkGroup(group: TaskGroup, { job, maxCount, report }: GroupPlace): void {
  const inner = report.at(`group ${JSON.stringify(group.Name)}`);
  checkName(group.Name, "a group", report);
  checkCount(group, maxCount, inner);
  if (job.Type === "system" && (group.Count ?? 1) > 1) {
    inner.error(`count is ${group.Count}: system jobs run once on every node`, "remove count");
  }
  checkTasks(group, inner);
  checkConstraints(group.Constraints, inner);
  checkAffinities(group.Affinities, inner);
  checkSpreads(group.Spreads, inner);
  checkSystem(job, group, inner);
  checkRestart(group.RestartPolicy, inner.at("restart"));
  checkReschedule(group.ReschedulePolicy, inner.at("reschedule"));
  checkUpdate(group.Update, group.Count ?? 1, inner.at("update"));
  checkKeys(group.Meta, "meta", inner);
  checkOlderKeys(group, inner);
  for (const [what, value] of [
    ["shutdown_delay", group.ShutdownDelay],
    ["max_run_duration", group.MaxRunDuration],
  ] as const)
    if ((value ?? 0) < 0) inner.error(`${what} is negative`);
  checkMigrate(group.Migrate, inner.at("migrate"));
  const disk = group.EphemeralDisk?.SizeMB ?? 0;
  if (disk < MIN_DISK_MB) inner.error(`ephemeral_disk: the size is ${disk} MB, expected ${MIN_DISK_MB} or more`);
  checkDisconnect(group, inner.at("disconnect"));
  const ports = checkNetworks(group, inner);
  for (const volume of Object.values(group.Volumes)) checkVolume(volume, inner);
  const tasks = group.Tasks.map((task) => task.Name);
  for (const service of group.Services) checkService(service, { ports, tasks, report: inner });
  for (const task of group.Tasks) checkTask(task, { job, group, ports, report: inner });
  const services = [...group.Services, ...group.Tasks.flatMap((task) => task.Services)];
  unique(
    services.map((each) => `${each.Name} on port ${each.PortLabel}`),
    "the service",
    inner,
  );
}

/** Still heeded, but not for ever. */
function checkOlderKeys(group: TaskGroup, report: Report): void {
  if (group.MaxClientDisconnect !== null)
    report.warn("max_client_disconnect is deprecated", "write: disconnect { lost_after = … }");
  if (group.StopAfterClientDisconnect !== null)
    report.warn("stop_after_client_disconnect is deprecated", "write: disconnect { stop_on_client_after = … }");
  if (group.PreventRescheduleOnLost !== null)
    report.warn(
      "prevent_reschedule_on_lost is deprecated",
      "write: disconnect { replace = … }, which says the opposite",
    );
}

function checkCount(group: TaskGroup, maxCount: number, report: Report): void {
  const count = group.Count ?? 1;
  if (count < 0) report.error(`count is ${count}, expected 0 or more`);
  if (count > maxCount)
    report.error(
      `count is ${count}, more than the limit of ${maxCount}`,
      "the limit is job_max_count in the servers' configuration",
    );
  const scaling = group.Scaling;
  if (scaling === null) return;
  const least = scaling.Min ?? 0;
  if (least < 0) report.error("scaling: min is negative");
  if (scaling.Max === null) return report.error("scaling: max is missing");
  if (scaling.Max < least) report.error(`scaling: max ${scaling.Max} is less than min ${least}`);
  if (count < least || count > scaling.Max) {
    report.error(`count ${count} is not within scaling's min ${least} and max ${scaling.Max}`);
  }
}

function checkTasks(group: TaskGroup, report: Report): void {
  if (group.Tasks.length === 0)
    return report.error("missing tasks", 'a group has at least one: task "name" { driver = … }');
  unique(
    group.Tasks.map((task) => task.Name),
    "the task",
    report,
  );
  const leaders = group.Tasks.filter((task) => task.Leader).length;
  if (leaders > 1) report.error(`${leaders} tasks are leader; at most one can be`);
  if (group.Tasks.every((task) => task.Lifecycle !== null)) {
    report.error("all tasks have a lifecycle block", "at least one must be a main task without one");
  }
}

function checkSystem(job: Job, group: TaskGroup, report: Report): void {
  if (job.Type !== "system" && job.Type !== "sysbatch") return;
  if (group.Affinities.length > 0) report.error(`${job.Type} jobs run on every node and know no affinity`);
  if (group.Spreads.length > 0) report.error(`${job.Type} jobs run on every node and know no spread`);
}

function checkDisconnect(group: TaskGroup, report: Report): void {
  const policy = group.Disconnect;
  if (policy === null) return;
  if ((policy.LostAfter ?? 0) < 0) report.error("lost_after is negative");
  if ((policy.StopOnClientAfter ?? 0) < 0) report.error("stop_on_client_after is negative");
  if ((policy.LostAfter ?? 0) > 0 && (policy.StopOnClientAfter ?? 0) > 0) {
    report.error("lost_after and stop_on_client_after are both set", "choose one of them");
  }
  oneOf(policy.Reconcile ?? "best_score", ["keep_original", "keep_replacement", "best_score", "longest_running"], {
    what: "reconcile",
    report,
  });
}

/** The labels of all ports. */
function checkNetworks(group: TaskGroup, report: Report): readonly string[] {
  const networks = [...group.Networks, ...group.Tasks.flatMap((task) => task.Resources.Networks)];
  if (group.Networks.length > 1) report.error(`${group.Networks.length} network blocks; a group has at most one`);
  const ports = networks.flatMap((each) => [...each.ReservedPorts, ...each.DynamicPorts]);
  const inner = report.at("network");
  unique(
    ports.map((port) => port.Label),
    "the port",
    inner,
  );
  for (const network of networks) checkNetwork(network, inner);
  return ports.map((port) => port.Label);
}

function checkNetwork(network: NetworkResource, report: Report): void {
  const known = ["host", "bridge", "none"];
  if (!known.includes(network.Mode) && !network.Mode.startsWith("cni/")) {
    report.error(`the mode ${JSON.stringify(network.Mode)} is not known`, "expected host, bridge, none or cni/NAME");
  }
  const fixed = new Map<string, string>();
  for (const port of [...network.ReservedPorts, ...network.DynamicPorts]) {
    const inner = report.at(`port ${JSON.stringify(port.Label)}`);
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(port.Label))
      inner.error("the label is not valid", "letters, digits, _ and -, at most 64");
    if (port.Value < 0 || port.Value > 65_535) inner.error(`static is ${port.Value}, expected 1 to 65535`);
    if (port.To < -1 || port.To > 65_535)
      inner.error(`to is ${port.To}, expected 1 to 65535, or -1 for the same as outside`);
    const key = `${port.Value} ${port.HostNetwork}`;
    const other = fixed.get(key);
    if (port.Value > 0 && other !== undefined && !port.IgnoreCollision) {
      inner.error(`the static port ${port.Value} is taken by port ${JSON.stringify(other)} already`);
    }
    if (port.Value > 0) fixed.set(key, port.Label);
  }
  if (network.MBits > 0) report.warn("mbits has no meaning any more", "remove it");
}

function checkVolume(volume: VolumeRequest, report: Report): void {
  const inner = report.at(`volume ${JSON.stringify(volume.Name)}`);
  oneOf(volume.Type, ["host", "csi"], { what: "the type", report: inner });
  if (volume.Source === "") inner.error("the source is missing");
  if (volume.Type === "csi" && (volume.AccessMode === "" || volume.AttachmentMode === "")) {
    inner.error("a csi volume needs access_mode and attachment_mode");
  }
  if (volume.Type === "host" && volume.MountOptions !== null) inner.error("mount_options are for csi volumes");
}
