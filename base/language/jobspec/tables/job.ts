import { duration, flag, integer, text, textMap, texts } from "#base/language/hcl/decode/readers.ts";
import { append } from "#base/language/hcl/decode/decode.ts";
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
import { consulBlock, task, vaultBlock } from "./task.ts";

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

/** The two keys older jobs have for what `disconnect` says now. */
function finishGroup(fields: Fields): Fields {
  const { max_client_disconnect: lostAfter, stop_after_client_disconnect: stopAfter, ...rest } = fields;
  if (lostAfter === undefined && stopAfter === undefined) return giveVault(rest);
  const old = { LostAfter: lostAfter ?? null, StopOnClientAfter: stopAfter ?? null };
  const newer = rest["Disconnect"];
  return giveVault({ ...rest, Disconnect: { ...old, ...(typeof newer === "object" ? newer : {}) } });
}

/** A `vault` block around tasks holds for those that have none. */
function giveVault(fields: Fields): Fields {
  const { Vault: vault, ...rest } = fields;
  const tasks = rest["Tasks"];
  if (vault === undefined || !Array.isArray(tasks)) return rest;
  const all: readonly unknown[] = tasks;
  return { ...rest, Tasks: all.map((each) => (typeof each === "object" ? { Vault: vault, ...each } : each)) };
}

const group: BlockTable = {
  name: "group",
  attributes: {
    count: to("Count", integer),
    shutdown_delay: to("ShutdownDelay", duration),
    max_run_duration: to("MaxRunDuration", duration),
    max_client_disconnect: to("max_client_disconnect", duration),
    stop_after_client_disconnect: to("stop_after_client_disconnect", duration),
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
    reschedule: nestedBlock("ReschedulePolicy", rescheduleTable),
    meta: freeBlock("Meta", textMap),
    volume: nestedBlock("Volumes", volume, { many: "map", label: "Name" }),
    task: nestedBlock("Tasks", task, { many: "list", label: "Name" }),
  },
  ignored: { prevent_reschedule_on_lost: "write: disconnect { replace = false }" },
  finish: finishGroup,
};

const link: BlockTable = { name: "link", attributes: { label: to("Label", text), url: to("Url", text) }, blocks: {} };
const ui: BlockTable = {
  name: "ui",
  attributes: { description: to("Description", text) },
  blocks: { link: nestedBlock("Links", link, { many: "list" }) },
};

/** A task right in the job is a group of its own with the same name. */
function finishJob(fields: Fields): Fields {
  const { Tasks: tasks, Vault: vault, ...rest } = fields;
  const all: readonly unknown[] = Array.isArray(tasks) ? tasks : [];
  for (const each of all) {
    const name = typeof each === "object" && each !== null && "Name" in each ? each.Name : "";
    append(rest, "TaskGroups", { Name: name, Tasks: [each] });
  }
  const groups: unknown = rest["TaskGroups"];
  if (vault === undefined || !Array.isArray(groups)) return rest;
  const known: readonly unknown[] = groups;
  return {
    ...rest,
    TaskGroups: known.map((each) => (typeof each === "object" ? giveVault({ ...each, Vault: vault }) : each)),
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
    reschedule: nestedBlock("Reschedule", rescheduleTable),
    meta: freeBlock("Meta", textMap),
    ui: nestedBlock("UI", ui),
    group: nestedBlock("TaskGroups", group, { many: "list", label: "Name" }),
    task: nestedBlock("Tasks", task, { many: "list", label: "Name" }),
  },
  ignored: {
    multiregion: "one cluster is one region here; register the job in each",
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
