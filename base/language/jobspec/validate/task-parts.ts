import type { Identity } from "#base/protocol/identity.ts";
import type { Resources } from "#base/protocol/resources.ts";
import type { Artifact, Task } from "#base/protocol/task.ts";
import { checkText, oneOf, unique, type Report } from "./report.ts";

const CHANGE_MODES = ["noop", "restart", "signal"];
const IDENTITY_NAME = /^[A-Za-z0-9_-]{1,128}$/;
const ACTION_NAME = /^[A-Za-z0-9_ .-]{1,128}$/;
const MAX_SECRETS_MB = 1024;

/** The blocks of a task that concern what it is given: identities, secrets, tokens, artifacts, actions. */
export function checkTaskParts(task: Task, report: Report): void {
  checkIdentities(task, report);
  checkVault(task, report.at("vault"));
  checkSecrets(task, report);
  for (const artifact of task.Artifacts) checkArtifact(artifact, report.at("artifact"));
  checkActions(task, report);
  checkPlugin(task, report.at("csi_plugin"));
  if (task.Schedule !== null)
    report
      .at("schedule")
      .error("tasks that run only at certain times are not available", "use a periodic job, or remove the block");
}

function checkIdentities(task: Task, report: Report): void {
  const all = [...(task.Identity === null ? [] : [task.Identity]), ...task.Identities];
  unique(
    all.map(({ Name }) => Name),
    "the identity",
    report,
  );
  for (const identity of all) checkIdentity(identity, report.at(`identity ${JSON.stringify(identity.Name)}`));
}

export function checkIdentity(identity: Identity, report: Report): void {
  if (identity.Name !== "" && !IDENTITY_NAME.test(identity.Name))
    report.error("the name is not valid", "letters, digits, _ and -, at most 128");
  if (identity.TTL < 0) report.error("ttl is negative");
  if (identity.ChangeMode !== "") oneOf(identity.ChangeMode, CHANGE_MODES, { what: "the change_mode", report });
  if (identity.ChangeSignal !== "" && identity.ChangeMode !== "signal")
    report.error("change_signal is set, but change_mode is not signal", 'write: change_mode = "signal"');
  if (identity.Audience.includes("")) report.error("aud holds an empty text");
  checkPath(identity.Filepath, "filepath", report);
}

function checkVault({ Vault: vault }: Task, report: Report): void {
  if (vault === null) return;
  oneOf(vault.ChangeMode, CHANGE_MODES, { what: "the change_mode", report });
  if (vault.Policies.includes("root")) report.error('the policy "root" is not allowed', "name the policies it needs");
}

function checkSecrets(task: Task, report: Report): void {
  unique(
    task.Secrets.map(({ Name }) => Name),
    "the secret",
    report,
  );
  for (const secret of task.Secrets) {
    const inner = report.at(`secret ${JSON.stringify(secret.Name)}`);
    if (!/^[A-Za-z0-9_]{1,128}$/.test(secret.Name))
      inner.error("the name is not valid", "letters, digits and _: it becomes part of ${secret.NAME.KEY}");
    if (secret.Provider === "") inner.error("the provider is missing", "expected nomad or vault");
    if (secret.Path === "") inner.error("the path is missing");
  }
}

function checkArtifact(artifact: Artifact, report: Report): void {
  if (artifact.GetterSource === "") report.error("the source is missing");
  oneOf(artifact.GetterMode, ["any", "file", "dir"], { what: "the mode", report });
  checkPath(artifact.RelativeDest, "destination", report);
  const checksum = artifact.GetterOptions["checksum"];
  if (checksum !== undefined && !checksum.includes("${")) checkChecksum(checksum, report);
}

const HEX_DIGITS: ReadonlyMap<string, number> = new Map([
  ["md5", 32],
  ["sha1", 40],
  ["sha256", 64],
  ["sha512", 128],
]);

function checkChecksum(checksum: string, report: Report): void {
  if (checksum.startsWith("file:")) return;
  const [type = "", digits = ""] = checksum.includes(":") ? checksum.split(":") : ["", checksum];
  const wanted = HEX_DIGITS.get(type);
  const known = [...HEX_DIGITS.keys()].join(", ");
  if (type === "" || wanted === undefined)
    report.error(`the checksum ${JSON.stringify(checksum)} names no known kind`, `expected KIND:DIGITS with ${known}`);
  else if (!/^[0-9a-fA-F]*$/.test(digits) || digits.length !== wanted)
    report.error(`the checksum is no ${type}: expected ${wanted} hexadecimal digits, found ${digits.length}`);
}

function checkActions(task: Task, report: Report): void {
  unique(
    task.Actions.map(({ Name }) => Name),
    "the action",
    report,
  );
  for (const action of task.Actions) {
    const inner = report.at(`action ${JSON.stringify(action.Name)}`);
    if (!ACTION_NAME.test(action.Name))
      inner.error("the name is not valid", "letters, digits, space, _ . -, at most 128");
    if (action.Command === "") inner.error("the command is missing");
  }
}

function checkPlugin({ CSIPluginConfig: plugin }: Task, report: Report): void {
  if (plugin === null) return;
  oneOf(plugin.Type, ["controller", "node", "monolith"], { what: "the type", report });
  if (plugin.ID === "") report.error("the id is missing");
  report.warn("storage plugins are not run as such yet: the task runs, but no volume can use it");
}

export function checkMemoryParts(resources: Resources, report: Report): void {
  const { SecretsMB: secrets, NUMA: numa, IOPS: iops, Cores: cores } = resources;
  if ((secrets ?? 0) < 0 || (secrets ?? 0) > MAX_SECRETS_MB)
    report.error(`secrets is ${secrets} MB, expected 0 (the default) to ${MAX_SECRETS_MB}`);
  if ((iops ?? 0) !== 0) report.warn("iops has no meaning any more", "remove it");
  if (numa === null) return;
  const inner = report.at("numa");
  oneOf(numa.Affinity, ["none", "prefer", "require"], { what: "the affinity", report: inner });
  if (numa.Affinity === "require") {
    inner.error("cores of one memory node cannot be promised", 'write: affinity = "prefer", or remove the block');
  }
  if (numa.Affinity !== "none" && (cores ?? 0) === 0) inner.error("it needs cores of the task's own", "set cores");
  for (const device of numa.Devices)
    if (!resources.Devices.some(({ Name }) => Name === device))
      inner.error(`the task asks for no device ${JSON.stringify(device)}`);
}

/** A path that must stay in the allocation's folder. */
export function checkPath(path: string, what: string, report: Report): void {
  checkText(path, `the ${what}`, report);
  if (!path.includes("${") && path.split("/").includes(".."))
    report.error(`the ${what} ${JSON.stringify(path)} leads out of the allocation's folder`, "write it without ..");
}
