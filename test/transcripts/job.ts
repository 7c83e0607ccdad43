import * as v from "valibot";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import { parseDuration } from "#base/language/duration.ts";
import { JobSchema, type Job } from "#base/protocol/job.ts";

type Fields = ReadonlyMap<string, string>;

/** A job in one line: `run web count=3 canary=1 lost_after=1h groups=a,b a.count=2`. Every word has a default. */
export function jobOf(id: string, words: readonly string[]): Job {
  const fields: Fields = new Map(words.map((word) => [word.split("=")[0] ?? "", word.slice(word.indexOf("=") + 1)]));
  for (const key of fields.keys()) {
    if (!KNOWN.has(key.replace(/^.*\./, ""))) throw new Error(`no field ${key} of a job here`);
  }
  const groups = (fields.get("groups") ?? "web").split(",");
  return canonicalize(
    v.parse(JobSchema, {
      ID: id,
      Type: fields.get("type") ?? "service",
      Priority: number(fields, "priority") ?? 50,
      Datacenters: ["*"],
      TaskGroups: groups.map((name) => groupOf(name, new Map([...fields, ...own(fields, name)]))),
    }),
  );
}

const KNOWN = new Set(
  (
    "groups type priority count env cpu constraint update max_parallel canary auto_promote auto_revert progress_deadline " +
    "health_check lost_after stop_on_client_after replace reconcile attempts interval delay delay_function max_delay " +
    "unlimited migrate healthy_deadline"
  ).split(" "),
);

function own(fields: Fields, group: string): [string, string][] {
  return [...fields].flatMap(([key, value]): [string, string][] =>
    key.startsWith(`${group}.`) ? [[key.slice(group.length + 1), value]] : [],
  );
}

function groupOf(Name: string, fields: Fields): Record<string, unknown> {
  const constraint = fields.get("constraint");
  return {
    Name,
    Count: number(fields, "count") ?? 1,
    EphemeralDisk: { SizeMB: 10 },
    Constraints: constraint === undefined ? [] : [{ LTarget: "${node.class}", RTarget: constraint, Operand: "=" }],
    Update: {
      MaxParallel: number(fields, "max_parallel"),
      Canary: number(fields, "canary"),
      AutoPromote: flag(fields, "auto_promote"),
      AutoRevert: flag(fields, "auto_revert"),
      ProgressDeadline: duration(fields, "progress_deadline"),
      HealthCheck: fields.get("health_check"),
    },
    Migrate: { MaxParallel: number(fields, "migrate"), HealthyDeadline: duration(fields, "healthy_deadline") },
    ReschedulePolicy: {
      Attempts: number(fields, "attempts"),
      Interval: duration(fields, "interval"),
      Delay: duration(fields, "delay"),
      DelayFunction: fields.get("delay_function"),
      MaxDelay: duration(fields, "max_delay"),
      Unlimited: flag(fields, "unlimited"),
    },
    Disconnect: disconnect(fields),
    Tasks: [
      {
        Name: "main",
        Driver: "mock",
        Env: { version: fields.get("env") ?? "a" },
        Resources: { CPU: number(fields, "cpu") ?? 500, MemoryMB: 100 },
      },
    ],
  };
}

function disconnect(fields: Fields): Record<string, unknown> | null {
  if (!["lost_after", "stop_on_client_after", "replace"].some((key) => fields.has(key))) return null;
  return {
    LostAfter: duration(fields, "lost_after"),
    StopOnClientAfter: duration(fields, "stop_on_client_after"),
    Replace: flag(fields, "replace"),
    Reconcile: fields.get("reconcile"),
  };
}

function number(fields: Fields, key: string): number | undefined {
  const text = fields.get(key);
  return text === undefined ? undefined : Number(text);
}

function flag(fields: Fields, key: string): boolean | undefined {
  const text = fields.get(key);
  return text === undefined ? undefined : text === "true";
}

export function duration(fields: Fields, key: string): number | undefined {
  const text = fields.get(key);
  return text === undefined ? undefined : parseDuration(text);
}
