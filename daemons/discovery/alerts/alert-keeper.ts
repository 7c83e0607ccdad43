import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { Alert, AlertLog } from "#base/protocol/alert.ts";
import type { CatalogCheck } from "#base/protocol/catalog.ts";
import { absent, put, remove, unchanged } from "#base/state/codec.ts";
import type { Store } from "#base/state/store.ts";
import type { Row, View } from "#base/state/table.ts";
import { alertLogs, alerts, catalogChecks } from "#base/state/tables.ts";
import { isFor, quietMs, toldAs, type AlertRule } from "./alert-rule.ts";
import { sendAlert, type AlertKind } from "./send-alert.ts";

/** Entries of the history; the oldest give way. */
const MAX_LOG = 1000;
/** Of a check's output, what is told. */
const MAX_OUTPUT = 1000;

interface Deps {
  readonly env: Env;
  /** Where messages wait while they are sent. */
  readonly folder: string;
  readonly store: Store;
  readonly view: View;
  readonly rules: readonly AlertRule[];
}

/** Watches the catalog's checks for the rules. */
export class AlertKeeper {
  readonly #deps: Deps;
  readonly #timers = new Map<string, Timer>();
  readonly #working = new Set<Promise<void>>();
  #stopWatching: (() => void) | undefined;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  start(): void {
    const { view, rules } = this.#deps;
    if (rules.length === 0) return;
    const ids = new Set([...view.table(catalogChecks).list(GLOBAL)].map((row) => row.id));
    for (const { value } of view.table(alerts).list(GLOBAL)) ids.add(`${value.Node}/${value.CheckID}`);
    for (const id of ids) this.#look(id);
    for (const row of view.table(alerts).list(GLOBAL)) if (!row.value.Sent) this.#work(this.#send(row, "transition"));
    this.#stopWatching = view.onChange(({ rows }) => {
      for (const row of rows) if (row.table === catalogChecks.name) this.#look(row.id);
    });
  }

  async stop(): Promise<void> {
    this.#stopWatching?.();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    await Promise.allSettled(this.#working);
  }

  /** No reminders until it changes. Rejects with `unknown_alert`. */
  async acknowledge(id: string, by: string): Promise<void> {
    const { view, store, env } = this.#deps;
    const row = view.table(alerts).get(GLOBAL, id);
    if (row === undefined) throw new CodedError("unknown_alert", `there is no alert ${JSON.stringify(id)}`);
    if (row.value.AcknowledgedBy !== "") return;
    const value = { ...row.value, AcknowledgedBy: by || "somebody" };
    const entry = { ...logOf(value, env.clock.nowMs()), Kind: "acknowledged" as const };
    const done = await store.txn({
      compare: [unchanged(alerts, row)],
      then: [put(alerts, row, value), ...this.#log(entry)],
    });
    await view.reached(done.revision);
    this.#timers.get(`remind ${id}`)?.cancel();
    // A reminder was written meanwhile.
    if (!done.ok) await this.acknowledge(id, by);
  }

  #look(checkId: string): void {
    const { view, rules } = this.#deps;
    const check = view.table(catalogChecks).get(GLOBAL, checkId)?.value;
    for (const rule of rules) {
      const id = `${rule.name}/${checkId}`;
      const told = view.table(alerts).get(GLOBAL, id);
      if (check === undefined ? told === undefined : !isFor(rule, check)) continue;
      const status = toldAs(rule, check?.Status);
      if (status === (told?.value.Status ?? "passing")) {
        this.#timers.get(id)?.cancel();
        this.#timers.delete(id);
        this.#armReminder(rule, told);
      } else if (!this.#timers.has(id)) this.#arm(id, rule.afterMs, () => this.#due(rule, checkId));
    }
  }

  #arm(key: string, afterMs: number, fire: () => void): void {
    const { clock } = this.#deps.env;
    this.#timers.get(key)?.cancel();
    const timer = clock.after(afterMs, () => {
      this.#timers.delete(key);
      fire();
    });
    this.#timers.set(key, timer);
  }

  /** A status held long enough: it is told, unless the hours are quiet. */
  #due(rule: AlertRule, checkId: string): void {
    const { env, view } = this.#deps;
    const id = `${rule.name}/${checkId}`;
    const waitMs = quietMs(rule.quiet, env.clock.nowMs());
    if (waitMs > 0) return this.#arm(id, waitMs, () => this.#due(rule, checkId));
    const check = view.table(catalogChecks).get(GLOBAL, checkId)?.value;
    const told = view.table(alerts).get(GLOBAL, id);
    const status = toldAs(rule, check?.Status);
    if (status === (told?.value.Status ?? "passing")) return;
    this.#work(this.#tell(id, told, alertOf(rule, { checkId, check, told, status, nowMs: env.clock.nowMs() })));
  }

  /** The row first: whoever else watches then finds it told. */
  async #tell(id: string, told: Row<Alert> | undefined, alert: Alert): Promise<void> {
    const { store, view } = this.#deps;
    const compare = told === undefined ? absent(alerts, GLOBAL, id) : unchanged(alerts, told);
    const done = await store.txn({ compare: [compare], then: [put(alerts, { namespace: GLOBAL, id }, alert)] });
    await view.reached(done.revision);
    const row = view.table(alerts).get(GLOBAL, id);
    if (done.ok && row !== undefined) await this.#send(row, "transition");
  }

  async #send(row: Row<Alert>, kind: AlertKind): Promise<void> {
    const { env, store, view, rules } = this.#deps;
    const rule = rules.find(({ name }) => name === row.value.Rule);
    if (rule === undefined) return;
    const Problem = await sendAlert({ env, folder: this.#deps.folder }, rule, { alert: row.value, kind });
    if (Problem !== "") env.log.warn("an alert was not delivered", { rule: rule.name, problem: Problem });
    const entry = { ...logOf(row.value, env.clock.nowMs()), Kind: kind, Problem };
    const now = view.table(alerts).get(GLOBAL, row.id);
    const sent = now?.modifyIndex === row.modifyIndex ? [put(alerts, row, { ...row.value, Sent: true })] : [];
    const done = await store.txn({ then: [...sent, ...this.#log(entry)] });
    await view.reached(done.revision);
    this.#armReminder(rule, view.table(alerts).get(GLOBAL, row.id));
  }

  #armReminder(rule: AlertRule, row: Row<Alert> | undefined): void {
    if (row === undefined) return;
    const key = `remind ${row.id}`;
    const { Status, AcknowledgedBy, ToldAt, RemindedAt } = row.value;
    if (rule.remindMs <= 0 || Status === "passing" || AcknowledgedBy !== "") return this.#timers.get(key)?.cancel();
    const dueMs = Math.max(ToldAt, RemindedAt) + rule.remindMs;
    this.#arm(key, dueMs - this.#deps.env.clock.nowMs(), () => this.#work(this.#remind(rule, row.id)));
  }

  async #remind(rule: AlertRule, id: string): Promise<void> {
    const { env, store, view } = this.#deps;
    const row = view.table(alerts).get(GLOBAL, id);
    if (row === undefined || row.value.Status === "passing" || row.value.AcknowledgedBy !== "") return;
    const nowMs = env.clock.nowMs();
    const waitMs = quietMs(rule.quiet, nowMs);
    if (waitMs > 0) return this.#arm(`remind ${id}`, waitMs, () => this.#work(this.#remind(rule, id)));
    const value = { ...row.value, RemindedAt: Math.round(nowMs) };
    const done = await store.txn({ compare: [unchanged(alerts, row)], then: [put(alerts, row, value)] });
    await view.reached(done.revision);
    const now = view.table(alerts).get(GLOBAL, id);
    if (done.ok && now !== undefined) await this.#send(now, "reminder");
  }

  #log(entry: AlertLog) {
    const { env, view } = this.#deps;
    const id = `${String(entry.At).padStart(16, "0")}-${env.random.uuid().slice(0, 8)}`;
    const excess = view.table(alertLogs).size + 1 - MAX_LOG;
    const oldest = excess <= 0 ? [] : [...view.table(alertLogs).list(GLOBAL)].slice(0, excess);
    return [
      put(alertLogs, { namespace: GLOBAL, id }, entry),
      ...oldest.map((row) => remove(alertLogs, GLOBAL, row.id)),
    ];
  }

  #work(work: Promise<void>): void {
    const done = work.catch((thrown: unknown) =>
      this.#deps.env.log.warn("an alert was not told", { error: messageOf(thrown) }),
    );
    this.#working.add(done);
    void done.finally(() => this.#working.delete(done));
  }
}

interface Known {
  readonly checkId: string;
  readonly check: CatalogCheck | undefined;
  readonly told: Row<Alert> | undefined;
  readonly status: CatalogCheck["Status"];
  readonly nowMs: number;
}

function alertOf(rule: AlertRule, { checkId, check, told, status, nowMs }: Known): Alert {
  const slash = checkId.indexOf("/");
  return {
    Rule: rule.name,
    Node: checkId.slice(0, slash),
    CheckID: checkId.slice(slash + 1),
    CheckName: check?.Name ?? told?.value.CheckName ?? "",
    ServiceName: check?.ServiceName ?? told?.value.ServiceName ?? "",
    Status: status,
    Output: check === undefined ? "it was deregistered" : check.Output.slice(0, MAX_OUTPUT),
    ToldAt: Math.round(nowMs),
    RemindedAt: 0,
    AcknowledgedBy: "",
    Sent: false,
  };
}

function logOf({ Rule, Node, CheckID, ServiceName, Status }: Alert, atMs: number): AlertLog {
  return { At: Math.round(atMs), Kind: "transition", Rule, Node, CheckID, ServiceName, Status, Problem: "" };
}
