import { anything, duration, flag, integer, number, text, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";

/** Blocks that say how and where, shared by job, group and task. Keys: https://developer.hashicorp.com/nomad/docs/job-specification */
const VALUE_SHORTHANDS = [
  "version",
  "semver",
  "regexp",
  "set_contains",
  "set_contains_any",
  "set_contains_all",
] as const;
const SHORTHANDS = [...VALUE_SHORTHANDS, "distinct_property"] as const;

/** `version = ">= 1"` stands for `operator = "version"` and `value = ">= 1"`. */
function finishConstraint(fields: Fields): Fields {
  const { distinct_hosts: distinctHosts, ...rest } = fields;
  const result: Fields = {};
  for (const [key, value] of Object.entries(rest)) {
    const shorthand = SHORTHANDS.find((name) => name === key);
    if (shorthand === undefined) result[key] = value;
    else if (shorthand === "distinct_property") Object.assign(result, { Operand: shorthand, LTarget: value });
    else Object.assign(result, { Operand: shorthand, RTarget: value });
  }
  if (distinctHosts !== undefined)
    Object.assign(result, { Operand: "distinct_hosts", RTarget: distinctHosts === true ? "true" : "false" });
  return result;
}

const target = {
  attribute: to("LTarget", text),
  operator: to("Operand", text),
  value: to("RTarget", text),
  ...Object.fromEntries(VALUE_SHORTHANDS.map((name) => [name, to(name, text)])),
};

const constraint: BlockTable = {
  name: "constraint",
  attributes: {
    ...target,
    distinct_hosts: to("distinct_hosts", flag),
    distinct_property: to("distinct_property", text),
  },
  blocks: {},
  finish: finishConstraint,
};
const affinity: BlockTable = {
  name: "affinity",
  attributes: { ...target, weight: to("Weight", integer) },
  blocks: {},
  finish: finishConstraint,
};
const spreadTarget: BlockTable = {
  name: "target",
  attributes: { value: to("Value", text), percent: to("Percent", integer) },
  blocks: {},
};
const spread: BlockTable = {
  name: "spread",
  attributes: { attribute: to("Attribute", text), weight: to("Weight", integer) },
  blocks: { target: nestedBlock("SpreadTarget", spreadTarget, { many: "list", label: "Value", optionalLabel: true }) },
};
const update: BlockTable = {
  name: "update",
  attributes: {
    stagger: to("Stagger", duration),
    max_parallel: to("MaxParallel", integer),
    health_check: to("HealthCheck", text),
    min_healthy_time: to("MinHealthyTime", duration),
    healthy_deadline: to("HealthyDeadline", duration),
    progress_deadline: to("ProgressDeadline", duration),
    canary: to("Canary", integer),
    auto_revert: to("AutoRevert", flag),
    auto_promote: to("AutoPromote", flag),
  },
  blocks: {},
};
const migrate: BlockTable = {
  name: "migrate",
  attributes: {
    max_parallel: to("MaxParallel", integer),
    health_check: to("HealthCheck", text),
    min_healthy_time: to("MinHealthyTime", duration),
    healthy_deadline: to("HealthyDeadline", duration),
  },
  blocks: {},
};
const restart: BlockTable = {
  name: "restart",
  attributes: {
    attempts: to("Attempts", integer),
    interval: to("Interval", duration),
    delay: to("Delay", duration),
    mode: to("Mode", text),
    render_templates: to("RenderTemplates", flag),
  },
  blocks: {},
};
const reschedule: BlockTable = {
  name: "reschedule",
  attributes: {
    attempts: to("Attempts", integer),
    interval: to("Interval", duration),
    delay: to("Delay", duration),
    delay_function: to("DelayFunction", text),
    max_delay: to("MaxDelay", duration),
    unlimited: to("Unlimited", flag),
  },
  blocks: {},
};
const disconnect: BlockTable = {
  name: "disconnect",
  attributes: {
    lost_after: to("LostAfter", duration),
    stop_on_client_after: to("StopOnClientAfter", duration),
    replace: to("Replace", flag),
    reconcile: to("Reconcile", text),
  },
  blocks: {},
};
const periodic: BlockTable = {
  name: "periodic",
  attributes: {
    cron: to("Spec", text),
    crons: to("Specs", texts),
    enabled: to("Enabled", flag),
    prohibit_overlap: to("ProhibitOverlap", flag),
    time_zone: to("TimeZone", text),
  },
  blocks: {},
};
const parameterized: BlockTable = {
  name: "parameterized",
  attributes: {
    payload: to("Payload", text),
    meta_required: to("MetaRequired", texts),
    meta_optional: to("MetaOptional", texts),
  },
  blocks: {},
};
const ephemeralDisk: BlockTable = {
  name: "ephemeral_disk",
  attributes: { sticky: to("Sticky", flag), migrate: to("Migrate", flag), size: to("SizeMB", integer) },
  blocks: {},
};
const scaling: BlockTable = {
  name: "scaling",
  attributes: {
    enabled: to("Enabled", flag),
    min: to("Min", integer),
    max: to("Max", integer),
    type: to("Type", text),
  },
  blocks: { policy: freeBlock("Policy", anything) },
};
export const checkRestart: BlockTable = {
  name: "check_restart",
  attributes: {
    limit: to("Limit", integer),
    grace: to("Grace", duration),
    ignore_warnings: to("IgnoreWarnings", flag),
  },
  blocks: {},
};
export const lifecycle: BlockTable = {
  name: "lifecycle",
  attributes: { hook: to("Hook", text), sidecar: to("Sidecar", flag) },
  blocks: {},
};
export const logs: BlockTable = {
  name: "logs",
  attributes: {
    max_files: to("MaxFiles", integer),
    max_file_size: to("MaxFileSizeMB", number),
    disabled: to("Disabled", flag),
  },
  blocks: {},
};

export const constraints = {
  constraint: nestedBlock("Constraints", constraint, { many: "list" }),
  affinity: nestedBlock("Affinities", affinity, { many: "list" }),
};
export const spreads = { spread: nestedBlock("Spreads", spread, { many: "list" }) };
export const updateBlock = { update: nestedBlock("Update", update) };
export const migrateBlock = { migrate: nestedBlock("Migrate", migrate) };
export const restartBlock = { restart: nestedBlock("RestartPolicy", restart) };
export const rescheduleTable = reschedule;
export const disconnectBlock = { disconnect: nestedBlock("Disconnect", disconnect) };
export const periodicBlock = { periodic: nestedBlock("Periodic", periodic) };
export const parameterizedBlock = { parameterized: nestedBlock("ParameterizedJob", parameterized) };
export const ephemeralDiskBlock = { ephemeral_disk: nestedBlock("EphemeralDisk", ephemeralDisk) };
export const groupScaling = { scaling: nestedBlock("Scaling", scaling) };
export const taskScaling = { scaling: nestedBlock("ScalingPolicies", scaling, { many: "list", label: "Type" }) };
