import { anything, duration, flag, integer, object, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";
import { networks } from "./network.ts";
import { constraints, lifecycle, logs, restartBlock, taskScaling } from "./policies.ts";
import { services } from "./service.ts";

const device: BlockTable = {
  name: "device",
  attributes: { name: to("Name", text), count: to("Count", integer) },
  blocks: constraints,
};

const resources: BlockTable = {
  name: "resources",
  attributes: {
    cpu: to("CPU", integer),
    cores: to("Cores", integer),
    memory: to("MemoryMB", integer),
    memory_max: to("MemoryMaxMB", integer),
    disk: to("DiskMB", integer),
  },
  blocks: { ...networks, device: nestedBlock("Devices", device, { many: "list", label: "Name" }) },
  ignored: {
    iops: "it was never enforced; remove it",
    numa: "pinning to memory nodes is not available; use cores",
    secrets: "remove it",
  },
};

const changeScript: BlockTable = {
  name: "change_script",
  attributes: {
    command: to("Command", text),
    args: to("Args", texts),
    timeout: to("Timeout", duration),
    fail_on_error: to("FailOnError", flag),
  },
  blocks: {},
};

const wait: BlockTable = {
  name: "wait",
  attributes: { min: to("Min", duration), max: to("Max", duration) },
  blocks: {},
};

const template: BlockTable = {
  name: "template",
  attributes: {
    data: to("EmbeddedTmpl", text),
    source: to("SourcePath", text),
    destination: to("DestPath", text),
    change_mode: to("ChangeMode", text),
    change_signal: to("ChangeSignal", text),
    splay: to("Splay", duration),
    perms: to("Perms", text),
    uid: to("Uid", integer),
    gid: to("Gid", integer),
    env: to("Envvars", flag),
    once: to("Once", flag),
    left_delimiter: to("LeftDelim", text),
    right_delimiter: to("RightDelim", text),
    vault_grace: to("VaultGrace", duration),
    error_on_missing_key: to("ErrMissingKey", flag),
  },
  blocks: { change_script: nestedBlock("ChangeScript", changeScript), wait: nestedBlock("Wait", wait) },
};

const artifact: BlockTable = {
  name: "artifact",
  attributes: {
    source: to("GetterSource", text),
    destination: to("RelativeDest", text),
    mode: to("GetterMode", text),
    insecure: to("GetterInsecure", flag),
    options: to("GetterOptions", textMap),
    headers: to("GetterHeaders", textMap),
    chown: to("Chown", flag),
  },
  blocks: { options: freeBlock("GetterOptions", textMap), headers: freeBlock("GetterHeaders", textMap) },
};

const volumeMount: BlockTable = {
  name: "volume_mount",
  attributes: {
    volume: to("Volume", text),
    destination: to("Destination", text),
    read_only: to("ReadOnly", flag),
    propagation_mode: to("PropagationMode", text),
    selinux_label: to("SELinuxLabel", text),
  },
  blocks: {},
};

const identity: BlockTable = {
  name: "identity",
  attributes: {
    name: to("Name", text),
    aud: to("Audience", texts),
    change_mode: to("ChangeMode", text),
    change_signal: to("ChangeSignal", text),
    env: to("Env", flag),
    file: to("File", flag),
    filepath: to("Filepath", text),
    ttl: to("TTL", duration),
  },
  blocks: {},
};

const vault: BlockTable = {
  name: "vault",
  attributes: {
    policies: to("Policies", texts),
    role: to("Role", text),
    namespace: to("Namespace", text),
    cluster: to("Cluster", text),
    env: to("Env", flag),
    disable_file: to("DisableFile", flag),
    change_mode: to("ChangeMode", text),
    change_signal: to("ChangeSignal", text),
    allow_token_expiration: to("AllowTokenExpiration", flag),
  },
  blocks: {},
};

const consul: BlockTable = {
  name: "consul",
  attributes: { namespace: to("Namespace", text), cluster: to("Cluster", text), partition: to("Partition", text) },
  blocks: {},
};

const action: BlockTable = {
  name: "action",
  attributes: { command: to("Command", text), args: to("Args", texts) },
  blocks: {},
};

const secret: BlockTable = {
  name: "secret",
  attributes: { provider: to("Provider", text), path: to("Path", text), env: to("Env", textMap) },
  blocks: { config: freeBlock("Config", anything), env: freeBlock("Env", textMap) },
};

const csiPlugin: BlockTable = {
  name: "csi_plugin",
  attributes: {
    id: to("ID", text),
    type: to("Type", text),
    mount_dir: to("MountDir", text),
    stage_publish_base_dir: to("StagePublishBaseDir", text),
    health_timeout: to("HealthTimeout", duration),
  },
  blocks: {},
};

const dispatchPayload: BlockTable = { name: "dispatch_payload", attributes: { file: to("File", text) }, blocks: {} };

/** The identity named `default` has a field of its own. */
function finishTask(fields: Fields): Fields {
  const { Identities: identities, ...rest } = fields;
  if (!Array.isArray(identities)) return fields;
  const all: readonly unknown[] = identities;
  const isDefault = (each: unknown): boolean =>
    typeof each === "object" && each !== null && (!("Name" in each) || each.Name === "default");
  const plain = all.find(isDefault);
  if (plain !== undefined) rest["Identity"] = { Name: "default", ...(typeof plain === "object" ? plain : {}) };
  return { ...rest, Identities: all.filter((each) => !isDefault(each)) };
}

export const task: BlockTable = {
  name: "task",
  attributes: {
    driver: to("Driver", text),
    user: to("User", text),
    kill_timeout: to("KillTimeout", duration),
    kill_signal: to("KillSignal", text),
    shutdown_delay: to("ShutdownDelay", duration),
    leader: to("Leader", flag),
    kind: to("Kind", text),
    meta: to("Meta", textMap),
    env: to("Env", textMap),
    config: to("Config", object),
  },
  blocks: {
    ...constraints,
    ...services,
    ...restartBlock,
    ...taskScaling,
    config: freeBlock("Config", anything),
    env: freeBlock("Env", textMap),
    meta: freeBlock("Meta", textMap),
    resources: nestedBlock("Resources", resources),
    lifecycle: nestedBlock("Lifecycle", lifecycle),
    logs: nestedBlock("LogConfig", logs),
    artifact: nestedBlock("Artifacts", artifact, { many: "list" }),
    template: nestedBlock("Templates", template, { many: "list" }),
    volume_mount: nestedBlock("VolumeMounts", volumeMount, { many: "list" }),
    identity: nestedBlock("Identities", identity, { many: "list" }),
    vault: nestedBlock("Vault", vault),
    consul: nestedBlock("Consul", consul),
    action: nestedBlock("Actions", action, { many: "list", label: "Name" }),
    secret: nestedBlock("Secrets", secret, { many: "list", label: "Name" }),
    csi_plugin: nestedBlock("CSIPluginConfig", csiPlugin),
    dispatch_payload: nestedBlock("DispatchPayload", dispatchPayload),
  },
  ignored: { schedule: "schedules of tasks are not available; use a periodic job" },
  finish: finishTask,
};

export const vaultBlock = { vault: nestedBlock("Vault", vault) };
export const consulBlock = { consul: nestedBlock("Consul", consul) };
