import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { decideRestart, freshWindow } from "#daemons/scheduler/client/task/restart-policy.ts";
import type { RestartWindow } from "#daemons/scheduler/client/task/restart-policy.ts";
import { newTaskRecord, stepTask } from "#daemons/scheduler/client/task/task-machine.ts";
import type { TaskContext, TaskInput } from "#daemons/scheduler/client/task/task-machine.ts";
import { TaskRecordSchema } from "#daemons/scheduler/client/task/task-record.ts";

test("restart policy: attempts in an interval, then fail or wait for the next one", (t) => {
  const random = { float: () => 0 } as Parameters<typeof decideRestart>[2]["random"];
  const policy = { attempts: 2, intervalNs: 100e9, delayNs: 1e9, mode: "fail" } as const;
  const at = (seconds: number, window: RestartWindow, mode: "fail" | "delay" = "fail") =>
    decideRestart({ ...policy, mode }, window, { nowNs: seconds * 1e9, random });
  const first = at(10, freshWindow);
  t.like(first, { kind: "restart", delayMs: 1000, window: { count: 1, sinceNs: 10e9 } });
  t.like(at(50, { count: 2, sinceNs: 10e9 }), { kind: "give-up" });
  t.like(at(50, { count: 2, sinceNs: 10e9 }, "delay"), { kind: "restart", delayMs: 61_000, window: freshWindow });
  t.like(at(111, { count: 2, sinceNs: 10e9 }), { kind: "restart", window: { count: 1, sinceNs: 111e9 } });
});

test("a task's machine survives any order of inputs: dead stays dead, at most ten events, no start while one runs", (t) => {
  const handle = { driver: "d", version: 1, taskId: "x", state: {} };
  const input: fc.Arbitrary<TaskInput> = fc.constantFrom<TaskInput[]>(
    { kind: "begin", attempt: "x" },
    { kind: "started", handle },
    { kind: "start-failed", error: { code: "X", message: "x", recoverable: true } },
    { kind: "start-failed", error: { code: "X", message: "x", recoverable: false } },
    { kind: "exited", exit: { kind: "exited", code: 1, signal: 0, oomKilled: false, message: "" } },
    { kind: "exited", exit: { kind: "lost", message: "gone" } },
    { kind: "pause-over", attempt: "y" },
    { kind: "stop", why: undefined },
    { kind: "restart", reason: "asked" },
    { kind: "restart", reason: "asked", now: true },
    { kind: "again", reason: "asked" },
  );
  const context = {
    nowNs: 1,
    random: { float: () => 0.5 } as TaskContext["random"],
    policy: { attempts: 2, intervalNs: 1e9, delayNs: 1e9, mode: "fail" } as const,
    restartOnSuccess: true,
    killTimeoutMs: 5000,
  };
  fc.assert(
    fc.property(fc.array(input, { maxLength: 40 }), (inputs) => {
      let record = newTaskRecord(0);
      let held = 0;
      for (const each of inputs) {
        const wasDead = record.phase.kind === "dead";
        const step = stepTask(record, each, context);
        if (wasDead && step.record !== record && each.kind !== "again") return false;
        record = step.record;
        for (const effect of step.effects) {
          if (effect.kind === "start" && (held += 1) > 1) return false;
          if (effect.kind === "clean") held -= 1;
        }
        if (
          each.kind === "start-failed" &&
          record.phase.kind !== "starting" &&
          held === 1 &&
          step.effects.every((effect) => effect.kind !== "clean") &&
          (record.phase.kind === "pausing" || record.phase.kind === "dead")
        )
          held = 0;
        if (record.state.Events.length > 10) return false;
        if ((record.phase.kind === "dead") !== (record.state.State === "dead")) return false;
      }
      return v.safeParse(TaskRecordSchema, JSON.parse(JSON.stringify(record))).success;
    }),
  );
  t.pass();
});
