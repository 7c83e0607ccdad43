import type { ConsulClient } from "#base/client/consul-client.ts";
import type { KvPair } from "#base/client/consul-answers.ts";
import { watch } from "#base/client/watch.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Machine } from "../apply/machine.ts";
import { confirmConfig } from "../apply/transaction.ts";
import { answerRequest, tryConfig, type Guard } from "./answer-request.ts";
import {
  CONFIG_KEY,
  HISTORY,
  historyKey,
  MOST_HISTORY,
  NODES,
  pairJson,
  pairText,
  REPLIES,
  REQUEST_KEY,
  RequestSchema,
  SETTINGS,
  type RouterReply,
  type RouterRequest,
} from "./keys.ts";

export interface SharedSettingsOptions {
  readonly machine: Machine;
  readonly consul: ConsulClient;
  /** Of this machine. */
  readonly node: string;
  readonly guard: Guard;
  /** The configuration in force may be another. */
  readonly onChange: () => void;
}

/** Time for a configuration that was confirmed already, elsewhere or before: only a failing step takes it back. */
const TAKE_WITHIN_MS = 120_000;

/** Follows the cluster's configuration, and answers commands from other machines. Without the cluster what stands stays. */
export class SharedSettings {
  readonly #options: SharedSettingsOptions;
  readonly #stopped = new AbortController();
  #following: Promise<void> | undefined;
  /** Questions that were there before us are not ours to answer. */
  #lastRequest: string | undefined;
  #pairs: readonly KvPair[] = [];
  #isConnected = false;
  /** Its time comes when the change that is tried now is over. */
  #isWaiting = false;
  #refused = { index: 0, problem: "" };
  #by = "";
  #report = "";
  #told = "";
  #telling: Promise<void> = Promise.resolve();

  constructor(options: SharedSettingsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#following ??= this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#following;
    await this.#telling;
    if (this.#told !== "") await this.#options.consul.kv.delete(this.#nodeKey());
  }

  problems(): readonly string[] {
    return this.#refused.problem === "" ? [] : [this.#refused.problem];
  }

  /** Tells the cluster how this router fares; `report` is JSON. Only changes are written. */
  tell(report: string): void {
    const { consul } = this.#options;
    this.#report = report;
    // Once we stop, our key goes: who came after would leave a router in the list that answers nobody.
    if (report === this.#told || !this.#isConnected || this.#stopped.signal.aborted) return;
    this.#told = report;
    this.#telling = this.#telling.then(async () => {
      const put = await consul.kv.put(this.#nodeKey(), report);
      // The next look tries again.
      if (!put.ok) this.#told = "";
    });
  }

  /** A change that was tried may be over, and a report may not have reached the cluster. */
  async lookAgain(): Promise<void> {
    const { state } = this.#options.machine;
    if (this.#report !== "") this.tell(this.#report);
    if (!this.#isWaiting || (await state.readPending()) !== undefined) return;
    this.#isWaiting = false;
    await this.#takeConfig();
  }

  #nodeKey(): string {
    return `${NODES}${this.#options.node}`;
  }

  async #follow(): Promise<void> {
    const { machine, consul, onChange } = this.#options;
    const { env } = machine;
    const answers = watch((at) => consul.kv.list(SETTINGS, at), {
      clock: env.clock,
      random: env.random,
      signal: this.#stopped.signal,
      onFailure: ({ message }) => {
        env.log.debug("cannot ask the cluster for the router's settings; what is in force stays", { error: message });
        return true;
      },
    });
    for await (const { value } of answers) {
      try {
        await this.#take(value ?? []);
      } catch (thrown) {
        env.log.error("cannot follow the cluster's settings", { error: messageOf(thrown) });
      }
      onChange();
    }
  }

  async #take(pairs: readonly KvPair[]): Promise<void> {
    const found = pairs.find(({ Key }) => Key === REQUEST_KEY);
    const request = pairJson(found, RequestSchema);
    const isFirst = this.#lastRequest === undefined;
    const isNew = request !== undefined && request.id !== this.#lastRequest;
    this.#lastRequest = request?.id ?? "";
    this.#pairs = pairs;
    this.#isConnected = true;
    if (pairs.some(({ Key }) => Key === CONFIG_KEY)) await this.#takeConfig();
    else await this.#seed();
    if (isNew && !isFirst) await this.#answer(request);
  }

  /** The cluster knows none yet: what was confirmed here becomes everybody's. */
  async #seed(): Promise<void> {
    const { machine, consul, node } = this.#options;
    const { state } = machine;
    const active = (await state.readPending()) === undefined ? await state.readActive() : undefined;
    if (active === undefined) return;
    this.#by = `node ${node}`;
    await consul.kv.put(CONFIG_KEY, active, { cas: 0 });
  }

  async #takeConfig(): Promise<void> {
    const { machine } = this.#options;
    const { state, env } = machine;
    const pair = this.#pairs.find(({ Key }) => Key === CONFIG_KEY);
    if (pair === undefined || pair.ModifyIndex === (await state.readTaken()).index) return;
    if (pair.ModifyIndex === this.#refused.index) return;
    if ((await state.readPending()) !== undefined) {
      this.#isWaiting = true;
      return;
    }
    const text = pairText(pair);
    // Nobody empties a router by emptying a key: a configuration without blocks has a comment at least.
    if (text.trim() === "") return;
    const done = text === ((await state.readActive()) ?? "") ? succeed(undefined) : await this.#putIntoForce(text);
    if (!done.ok) {
      const problem = `the cluster's configuration (${CONFIG_KEY}, index ${pair.ModifyIndex}) is refused, the one before it stays: ${done.error.message}`;
      this.#refused = { index: pair.ModifyIndex, problem };
      env.log.error(problem, { hint: done.error.hint });
      return;
    }
    this.#refused = { index: 0, problem: "" };
    await state.writeTaken({ index: pair.ModifyIndex });
    await this.#remember(pair.ModifyIndex, text);
  }

  async #putIntoForce(text: string): Promise<Result<void>> {
    const { machine, guard } = this.#options;
    const tried = await tryConfig({ machine, guard }, { text, withinMs: TAKE_WITHIN_MS });
    return tried.ok ? confirmConfig(machine) : tried;
  }

  /** Former configurations, the oldest leave. Routers that do the same at once write the same. */
  async #remember(index: number, text: string): Promise<void> {
    const { machine, consul } = this.#options;
    const entry = { text, by: this.#by, savedMs: machine.env.clock.nowMs() };
    this.#by = "";
    await consul.kv.put(historyKey(index), JSON.stringify(entry), { cas: 0 });
    const keys = await consul.kv.keys(HISTORY);
    if (!keys.ok) return;
    for (const key of keys.value.value.toSorted().slice(0, -MOST_HISTORY)) await consul.kv.delete(key);
  }

  async #answer(request: RouterRequest): Promise<void> {
    const { machine, consul, guard, node } = this.#options;
    const done = await answerRequest({ machine, guard, commit: (by) => this.#commit(by) }, request);
    const reply: RouterReply = done.ok
      ? { id: request.id, node, ok: true, code: "", message: "", hint: undefined, ...done.value }
      : { id: request.id, node, ok: false, ...done.error, hint: done.error.hint, lines: [], changes: 0 };
    const put = await consul.kv.put(`${REPLIES}${node}`, JSON.stringify(reply));
    if (!put.ok) machine.env.log.warn("cannot answer a command", { error: put.error.message });
  }

  /**
   * The cluster first: if this machine dies in between, it follows the cluster when it is back. The other way round the
   * change would be in force here and nowhere written down.
   */
  async #commit(by: string): Promise<Result<void>> {
    const { machine, consul } = this.#options;
    const { state } = machine;
    const [pending, active] = [await state.readPending(), await state.readActive()];
    if (pending === undefined || active === undefined)
      return fail(
        "router_nothing",
        "no change waits for confirmation",
        "it may have been taken back: lares router status",
      );
    const pair = this.#pairs.find(({ Key }) => Key === CONFIG_KEY);
    this.#by = by;
    if (pair === undefined || pairText(pair) !== active) {
      const put = await consul.kv.put(CONFIG_KEY, active, { cas: pair?.ModifyIndex ?? 0 });
      if (!put.ok) return fail("router_cluster", `the cluster did not take it: ${put.error.message}`, put.error.hint);
      const { value: isWritten } = put.value;
      if (!isWritten && !(await this.#holds(active)))
        return fail(
          "router_conflict",
          "somebody else changed the cluster's configuration meanwhile",
          "lares router rollback, look at lares router history, and apply again",
        );
    }
    return confirmConfig(machine);
  }

  /** Another router may have written the same a moment ago. */
  async #holds(text: string): Promise<boolean> {
    const found = await this.#options.consul.kv.get(CONFIG_KEY);
    const [pair] = found.ok ? found.value.value : [];
    return pair !== undefined && pairText(pair) === text;
  }
}
