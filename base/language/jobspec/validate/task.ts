import type { Job, TaskGroup } from "#base/protocol/job.ts";
import type { Resources } from "#base/protocol/resources.ts";
import type { Task, Template } from "#base/protocol/task.ts";
import { didYouMean } from "../../nearest.ts";
import { checkAffinities, checkConstraints } from "./constraints.ts";
import { checkRestart } from "./policies.ts";
import { checkKeys, checkName, checkText, oneOf, type Report } from "./report.ts";
import { checkService } from "./service.ts";
import { checkMemoryParts, checkPath, checkTaskParts } from "./task-parts.ts";

const MIN_MEMORY_MB = 10;

export interface TaskPlace {
  readonly job: Job;
  readonly group: TaskGroup;
  readonly ports: readonly string[];
  readonly report: Report;
}

export function checkTask(task: Task, { job, group, ports, report }: TaskPlace): void {
  const inner = report.at(`task ${JSON.stringify(task.Name)}`);
  checkName(task.Name, "a task", report);
  // The name is a folder's name on the node.
  if (/[/\\]/.test(task.Name)) inner.error("the name holds a slash", "it becomes the name of a folder");
  if (task.Driver === "") inner.error("missing driver", 'for example: driver = "docker"');
  if ((task.KillTimeout ?? 0) < 0) inner.error("kill_timeout is negative");
  if (task.ShutdownDelay < 0) inner.error("shutdown_delay is negative");
  checkConstraints(task.Constraints, inner);
  checkAffinities(task.Affinities, inner);
  if (job.Type === "system" && task.Affinities.length > 0)
    inner.error("system jobs run on every node and know no affinity");
  checkRestart(task.RestartPolicy, inner.at("restart"));
  checkResources(task.Resources, inner.at("resources"));
  checkLogs(task, group, inner.at("logs"));
  checkLifecycle(task, inner);
  task.Templates.forEach((template) => checkTemplate(template, inner.at("template")));
  checkTaskParts(task, inner);
  checkKeys(task.Meta, "meta", inner);
  checkKeys(task.Env, "env", inner);
  checkText(task.User, "the user", inner);
  for (const mount of task.VolumeMounts) checkMount(mount, group, inner.at("volume_mount"));
  const tasks = group.Tasks.map((each) => each.Name);
  for (const service of task.Services) {
    checkService(service, { ports, tasks, report: inner });
    if (service.Connect !== null && service.Connect["Native"] !== true)
      inner.error(
        `service ${JSON.stringify(service.Name)}: connect is for services of the group`,
        "move the service there",
      );
  }
  if (task.DispatchPayload !== null) {
    if (job.ParameterizedJob === null)
      inner.error("dispatch_payload is for parameterized jobs", "add parameterized { } to the job");
    if (task.DispatchPayload.File === "") inner.error("dispatch_payload: the file is missing");
    checkPath(task.DispatchPayload.File, "file", inner.at("dispatch_payload"));
  }
}

function checkResources(resources: Resources, report: Report): void {
  const cores = resources.Cores ?? 0;
  if (cores < 0) report.error("cores is negative");
  if (cores > 0 && (resources.CPU ?? 0) > 0) report.error("cpu and cores are both set", "choose one of them");
  if (cores === 0 && (resources.CPU ?? 0) < 1) report.error(`cpu is ${resources.CPU} MHz, expected 1 or more`);
  if ((resources.MemoryMB ?? 0) < MIN_MEMORY_MB)
    report.error(`memory is ${resources.MemoryMB} MB, expected ${MIN_MEMORY_MB} or more`);
  const most = resources.MemoryMaxMB ?? 0;
  if (most !== 0 && most !== -1 && most < (resources.MemoryMB ?? 0)) {
    report.error(`memory_max ${most} MB is less than memory ${resources.MemoryMB} MB`);
  }
  for (const device of resources.Devices) {
    if (device.Name === "") report.error("device: the name is missing", 'for example: device "nvidia/gpu" {}');
    if (device.Count < 1)
      report.error(`device ${JSON.stringify(device.Name)}: the count is ${device.Count}, expected 1 or more`);
    checkConstraints(device.Constraints, report.at("device"));
  }
  checkMemoryParts(resources, report);
  if (resources.Networks.length > 0) report.warn("a network block in resources is the old way", "move it to the group");
}

/** Logs live on the allocation's disk. */
function checkLogs(task: Task, group: TaskGroup, report: Report): void {
  const { MaxFiles: files, MaxFileSizeMB: size, Disabled: disabled } = task.LogConfig;
  if (disabled) return;
  if ((files ?? 0) < 1) report.error(`max_files is ${files}, expected 1 or more`);
  if ((size ?? 0) < 1) report.error(`max_file_size is ${size} MB, expected 1 or more`);
  const disk = group.EphemeralDisk?.SizeMB ?? 0;
  const needed = (files ?? 0) * (size ?? 0);
  if (needed > disk) {
    report.error(
      `${files} files of ${size} MB do not fit on the ephemeral disk of ${disk} MB`,
      "make the logs smaller or ephemeral_disk larger",
    );
  }
}

function checkLifecycle(task: Task, report: Report): void {
  if (task.Lifecycle === null) return;
  oneOf(task.Lifecycle.Hook, ["prestart", "poststart", "poststop"], { what: "lifecycle: the hook", report });
  if (task.Leader) report.error("a task with a lifecycle block cannot be the leader");
}

function checkTemplate(template: Template, report: Report): void {
  const { SourcePath: source, EmbeddedTmpl: data } = template;
  if (source === "" && data === "") report.error("neither data nor source is set");
  if (source !== "" && data !== "") report.error("data and source are both set", "choose one of them");
  if (template.DestPath === "") report.error("the destination is missing", 'for example: destination = "local/config"');
  oneOf(template.ChangeMode, ["noop", "restart", "signal", "script"], { what: "the change_mode", report });
  if (template.ChangeMode === "signal" && template.ChangeSignal === "")
    report.error("change_mode signal needs change_signal");
  if (template.ChangeMode === "signal" && template.Envvars) {
    report.error("a running task never sees a changed environment", "with env = true use change_mode restart or noop");
  }
  if (template.ChangeMode === "script" && (template.ChangeScript?.Command ?? "") === "") {
    report.error("change_mode script needs change_script { command = … }");
  }
  if (template.Splay < 0) report.error("splay is negative");
  if (template.Perms !== "" && !/^0?[0-7]{3,4}$/.test(template.Perms)) {
    report.error(`perms ${JSON.stringify(template.Perms)} is no octal mode`, 'for example "0644"');
  }
  const wait = template.Wait;
  if (wait !== null && wait.Min > wait.Max && wait.Max > 0) report.error("wait: min is longer than max");
  checkPath(template.DestPath, "destination", report);
}

interface Mount {
  readonly Volume: string;
  readonly Destination: string;
  readonly PropagationMode: string;
}

function checkMount(mount: Mount, group: TaskGroup, report: Report): void {
  const volumes = Object.keys(group.Volumes);
  if (!mount.Volume.includes("${") && !volumes.includes(mount.Volume)) {
    report.error(
      `the group has no volume ${JSON.stringify(mount.Volume)}`,
      didYouMean(mount.Volume, volumes) ?? `add to the group: volume ${JSON.stringify(mount.Volume)} { … }`,
    );
  }
  if (mount.Destination === "") report.error("the destination is missing");
  oneOf(mount.PropagationMode, ["private", "host-to-task", "bidirectional"], { what: "the propagation_mode", report });
}
