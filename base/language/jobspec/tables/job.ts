import { duration, flag, integer, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Fields } from "#base/language/hcl/decode/table.ts";
import { networks } from "./network.ts";
import {
  constraints,
  disconnectBlock,
  ephemeralDiskBlock,
  groupScaling,
  migrateBlock,
  parameterizedBlock,
  periodicBlock,
  rescheduleTable,
  restartBlock,
  spreads,
  updateBlock,
} from "./policies.ts";
import { services } from "./service.ts";
import { consulBlock, secretBlock, task, vaultBlock } from "./task.ts";

const mountOptions: BlockTable = {
  name: "mount_options",
  attributes: { fs_type: to("FSType", text), mount_flags: to("MountFlags", texts) },
  blocks: {},
};

const volume: BlockTable = {
  name: "volume",
  attributes: {
    type: to("Type", text),
    source: to("Source", text),
    read_only: to("ReadOnly", flag),
    sticky: to("Sticky", flag),
    access_mode: to("AccessMode", text),
    attachment_mode: to("AttachmentMode", text),
    per_alloc: to("PerAlloc", flag),
  },
  blocks: { mount_options: nestedBlock("MountOptions", mountOptions) },
};

/** `vault` and `secret` blocks around tasks hold for those that have none (of that name). */
function giveDown(fields: Fields): Fields {
  const { Vault: vault, Secrets: secrets, ...rest } = fields;
  const tasks = rest["Tasks"];
  if ((vault === undefined && secrets === undefined) || !Array.isArray(tasks)) return rest;
  const all: readonly unknown[] = tasks;
  const outer: readonly unknown[] = Array.isArray(secrets) ? secrets : [];
  return { ...rest, Tasks: all.map((each) => (isFields(each) ? withOuter(each, vault, outer) : each)) };
}

function withOuter(task: Fields, vault: unknown, secrets: readonly unknown[]): Fields {
  const own: readonly unknown[] = Array.isArray(task["Secrets"]) ? task["Secrets"] : [];
  const names = new Set(own.map(nameOf));
  const all = [...secrets.filter((each) => !names.has(nameOf(each))), ...own];
  return { ...(vault === undefined ? {} : { Vault: vault }), ...task, ...(all.length === 0 ? {} : { Secrets: all }) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameOf(item: unknown): unknown {
  return typeof item === "object" && item !== null && "Name" in item ? item.Name : undefined;
}

const group: BlockTable = {
  name: "group",
  attributes: {
    count: to("Count", integer),
    shutdown_delay: to("ShutdownDelay", duration),
    max_run_duration: to("MaxRunDuration", duration),
    max_client_disconnect: to("MaxClientDisconnect", duration),
    stop_after_client_disconnect: to("StopAfterClientDisconnect", duration),
    prevent_reschedule_on_lost: to("PreventRescheduleOnLost", flag),
    meta: to("Meta", textMap),
  },
  blocks: {
    ...constraints,
    ...spreads,
    ...networks,
    ...services,
    ...restartBlock,
    ...updateBlock,
    ...migrateBlock,
    ...disconnectBlock,
    ...ephemeralDiskBlock,
    ...groupScaling,
    ...consulBlock,
    ...vaultBlock,
    ...secretBlock,
    reschedule: nestedBlock("ReschedulePolicy", rescheduleTable),
    meta: freeBlock("Meta", textMap),
    volume: nestedBlock("Volumes", volume, { many: "map", label: "Name" }),
    task: nestedBlock("Tasks", task, { many: "list", label: "Name" }),
  },
  finish: giveDown,
};

const link: BlockTable = { name: "link", attributes: { label: to("Label", text), url: to("Url", text) }, blocks: {} };
const ui: BlockTable = {
  name: "ui",
  attributes: { description: to("Description", text) },
  blocks: { link: nestedBlock("Links", link, { many: "list" }) },
};

const strategy: BlockTable = {
  name: "strategy",
  attributes: { max_parallel: to("MaxParallel", integer), on_failure: to("OnFailure", text) },
  blocks: {},
};
const region: BlockTable = {
  name: "region",
  attributes: {
    count: to("Count", integer),
    datacenters: to("Datacenters", texts),
    node_pool: to("NodePool", text),
    meta: to("Meta", textMap),
  },
  blocks: { meta: freeBlock("Meta", textMap) },
};
const multiregion: BlockTable = {
  name: "multiregion",
  attributes: {},
  blocks: {
    strategy: nestedBlock("Strategy", strategy),
    region: nestedBlock("Regions", region, { many: "list", label: "Name" }),
  },
};

/** A task right in the job is a group of its own with the same name; such groups come first. */
function finishJob(fields: Fields): Fields {
  const { Tasks: tasks, Vault: vault, Secrets: secrets, ...rest } = fields;
  const all: readonly unknown[] = Array.isArray(tasks) ? tasks : [];
  const alone = all.map((each) => ({ Name: nameOf(each) ?? "", Tasks: [each] }));
  const written: readonly unknown[] = Array.isArray(rest["TaskGroups"]) ? rest["TaskGroups"] : [];
  const outer = {
    ...(vault === undefined ? {} : { Vault: vault }),
    ...(secrets === undefined ? {} : { Secrets: secrets }),
  };
  const groups = [...alone, ...written];
  if (groups.length === 0) return rest;
  return {
    ...rest,
    TaskGroups: groups.map((each) => (isFields(each) ? giveDown({ ...outer, ...each }) : each)),
  };
}

const job: BlockTable = {
  name: "job",
  attributes: {
    id: to("ID", text),
    name: to("Name", text),
    region: to("Region", text),
    namespace: to("Namespace", text),
    type: to("Type", text),
    priority: to("Priority", integer),
    all_at_once: to("AllAtOnce", flag),
    datacenters: to("Datacenters", texts),
    node_pool: to("NodePool", text),
    meta: to("Meta", textMap),
  },
  blocks: {
    ...constraints,
    ...spreads,
    ...updateBlock,
    ...migrateBlock,
    ...periodicBlock,
    ...parameterizedBlock,
    ...vaultBlock,
    ...secretBlock,
    multiregion: nestedBlock("Multiregion", multiregion),
    reschedule: nestedBlock("Reschedule", rescheduleTable),
    meta: freeBlock("Meta", textMap),
    ui: nestedBlock("UI", ui),
    group: nestedBlock("TaskGroups", group, { many: "list", label: "Name" }),
    task: nestedBlock("Tasks", task, { many: "list", label: "Name" }),
  },
  ignored: {
    consul_token: "tokens do not belong in job files; remove it",
    vault_token: "tokens do not belong in job files; remove it",
  },
  finish: finishJob,
};

const anyKeys: BlockTable = { name: "values", attributes: {}, blocks: {} };
const variable: BlockTable = {
  name: "variable",
  attributes: {},
  blocks: { validation: nestedBlock("Validation", anyKeys, { many: "list" }) },
};

export const jobFile: BlockTable = {
  name: "a job file",
  attributes: {},
  blocks: {
    job: nestedBlock("Jobs", job, { many: "list", label: "Label" }),
    // Read before the rest, by the evaluator.
    variable: { kind: "custom", decode: () => undefined, json: { label: "", table: () => variable } },
    variables: { kind: "custom", decode: () => undefined, json: { table: () => anyKeys } },
    locals: { kind: "custom", decode: () => undefined, json: { table: () => anyKeys } },
  },
};
