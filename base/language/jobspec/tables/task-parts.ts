import { anything, duration, flag, integer, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { networks } from "./network.ts";
import { constraints } from "./policies.ts";

const device: BlockTable = {
  name: "device",
  attributes: { count: to("Count", integer) },
  blocks: constraints,
};

const numa: BlockTable = {
  name: "numa",
  attributes: { affinity: to("Affinity", text), devices: to("Devices", texts) },
  blocks: {},
};

export const resources: BlockTable = {
  name: "resources",
  attributes: {
    cpu: to("CPU", integer),
    cores: to("Cores", integer),
    memory: to("MemoryMB", integer),
    memory_max: to("MemoryMaxMB", integer),
    disk: to("DiskMB", integer),
    iops: to("IOPS", integer),
    secrets: to("SecretsMB", integer),
  },
  blocks: {
    ...networks,
    device: nestedBlock("Devices", device, { many: "list", label: "Name" }),
    numa: nestedBlock("NUMA", numa),
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

export const template: BlockTable = {
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

export const artifact: BlockTable = {
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

export const volumeMount: BlockTable = {
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

export const identity: BlockTable = {
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

export const vault: BlockTable = {
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

export const consul: BlockTable = {
  name: "consul",
  attributes: { namespace: to("Namespace", text), cluster: to("Cluster", text), partition: to("Partition", text) },
  blocks: {},
};

export const action: BlockTable = {
  name: "action",
  attributes: { command: to("Command", text), args: to("Args", texts) },
  blocks: {},
};

export const secret: BlockTable = {
  name: "secret",
  attributes: { provider: to("Provider", text), path: to("Path", text), env: to("Env", textMap) },
  blocks: { config: freeBlock("Config", anything), env: freeBlock("Env", textMap) },
};

export const csiPlugin: BlockTable = {
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

export const dispatchPayload: BlockTable = {
  name: "dispatch_payload",
  attributes: { file: to("File", text) },
  blocks: {},
};

const cron: BlockTable = {
  name: "cron",
  attributes: { start: to("Start", text), end: to("End", text), timezone: to("Timezone", text) },
  blocks: {},
};

export const schedule: BlockTable = { name: "schedule", attributes: {}, blocks: { cron: nestedBlock("Cron", cron) } };
