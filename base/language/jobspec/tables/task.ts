import { anything, duration, flag, object, text, textMap } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";
import { constraints, lifecycle, logs, restartBlock, taskScaling } from "./policies.ts";
import { services } from "./service.ts";
import * as parts from "./task-parts.ts";

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
    resources: nestedBlock("Resources", parts.resources),
    lifecycle: nestedBlock("Lifecycle", lifecycle),
    logs: nestedBlock("LogConfig", logs),
    artifact: nestedBlock("Artifacts", parts.artifact, { many: "list" }),
    template: nestedBlock("Templates", parts.template, { many: "list" }),
    volume_mount: nestedBlock("VolumeMounts", parts.volumeMount, { many: "list" }),
    identity: nestedBlock("Identities", parts.identity, { many: "list" }),
    vault: nestedBlock("Vault", parts.vault),
    consul: nestedBlock("Consul", parts.consul),
    action: nestedBlock("Actions", parts.action, { many: "list", label: "Name" }),
    secret: nestedBlock("Secrets", parts.secret, { many: "list", label: "Name" }),
    csi_plugin: nestedBlock("CSIPluginConfig", parts.csiPlugin),
    schedule: nestedBlock("Schedule", parts.schedule),
    dispatch_payload: nestedBlock("DispatchPayload", parts.dispatchPayload),
  },
  finish: finishTask,
};

export const vaultBlock = { vault: nestedBlock("Vault", parts.vault) };
export const secretBlock = { secret: nestedBlock("Secrets", parts.secret, { many: "list", label: "Name" }) };
export const consulBlock = { consul: nestedBlock("Consul", parts.consul) };
