import * as v from "valibot";
import type { ConsulClient } from "#base/client/consul-client.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { IngressStatus } from "./status.ts";

export interface OwnersOptions {
  readonly env: Env;
  readonly consul: ConsulClient;
  readonly node: string;
  /** Which of those on its node: each takes back what it said itself. */
  readonly name: string;
}

type Problem = IngressStatus["problems"][number];

/** Under which what is wrong with routes is in the catalog: one instance for each service that it concerns, of each ingress. */
export const ROUTES_SERVICE = "lares-ingress-routes";
/** A user event for each new problem. */
export const EVENT = "lares-ingress-problem";
/** More are told of by `lares ingress status` alone. */
const MAX_SERVICES = 200;
const MAX_OUTPUT = 2000;
const TTL = "24h";
const RENEW_MS = 8 * 3_600_000;
const AGAIN_MS = 10_000;

const AgentChecksSchema = v.record(
  v.string(),
  v.object({ CheckID: v.string(), Output: v.optional(v.string(), ""), ServiceName: v.optional(v.string(), "") }),
);

/**
 * Tells those whose routes are not served as they asked: a check in the catalog for each such service, which rules of alerts
 * can name, and an event when something new is wrong. Calls never overlap; the newest counts. What one that was killed said
 * is its successor's to take back.
 */
export class Owners {
  readonly #options: OwnersOptions;
  readonly #told = new Map<string, string>();
  #wanted: ReadonlyMap<string, readonly Problem[]> = new Map();
  #working: Promise<void> = Promise.resolve();
  #stopRenewing: (() => void) | undefined;
  #stopped = false;
  #knowsBefore = false;

  constructor(options: OwnersOptions) {
    this.#options = options;
  }

  tell(problems: readonly Problem[]): void {
    const wanted = new Map<string, Problem[]>();
    for (const problem of problems) {
      if (problem.service === "" || (!wanted.has(problem.service) && wanted.size >= MAX_SERVICES)) continue;
      wanted.set(problem.service, [...(wanted.get(problem.service) ?? []), problem]);
    }
    this.#wanted = wanted;
    this.#soon();
  }

  async stop(): Promise<void> {
    this.#stopRenewing?.();
    this.#wanted = new Map();
    this.#soon();
    this.#stopped = true;
    await this.#working;
  }

  #soon(): void {
    if (this.#stopped) return;
    const { env } = this.#options;
    this.#stopRenewing?.();
    this.#working = this.#working
      .then(() => this.#settle())
      .then(
        () => this.#later(RENEW_MS, () => this.#told.clear()),
        (error: unknown) => {
          env.log.warn("cannot tell the owners of routes what is wrong", { error: messageOf(error) });
          this.#later(AGAIN_MS, () => undefined);
        },
      );
  }

  #later(ms: number, before: () => void): void {
    if (this.#stopped || (this.#wanted.size === 0 && this.#told.size === 0)) return;
    const timer = this.#options.env.clock.after(ms, () => {
      before();
      this.#soon();
    });
    this.#stopRenewing = () => timer.cancel();
  }

  async #settle(): Promise<void> {
    await this.#learnBefore();
    const wanted = this.#wanted;
    for (const [service, problems] of wanted) {
      const said = problems.map(({ message, hint = "" }) => `${message}; ${hint}`).join("\n");
      const output = said.slice(0, MAX_OUTPUT);
      const before = this.#told.get(service);
      if (before === output) continue;
      await this.#check(service, output);
      for (const problem of problems) if (before?.includes(problem.message) !== true) await this.#event(problem);
      this.#told.set(service, output);
    }
    for (const service of this.#told.keys()) {
      if (wanted.has(service)) continue;
      await this.#put(`/v1/agent/service/deregister/${encodeURIComponent(this.#serviceId(service))}`);
      this.#told.delete(service);
    }
  }

  /** Once: what the one before this said and could not take back. */
  async #learnBefore(): Promise<void> {
    if (this.#knowsBefore) return;
    const path = "/v1/agent/checks";
    const found = await this.#options.consul.call({ path, schema: AgentChecksSchema });
    if (!found.ok && found.error.code !== "denied" && found.error.code !== "missing")
      throw new Error(found.error.message);
    const [start, end] = [`${ROUTES_SERVICE}:`, `:${this.#options.name}`];
    for (const { CheckID, Output, ServiceName } of found.ok ? Object.values(found.value.value) : [])
      if (ServiceName === ROUTES_SERVICE && CheckID.startsWith(start) && CheckID.endsWith(end))
        this.#told.set(CheckID.slice(start.length, -end.length), Output);
    this.#knowsBefore = true;
  }

  #serviceId(service: string): string {
    return `${ROUTES_SERVICE}-${service}-${this.#options.name}`;
  }

  async #check(service: string, output: string): Promise<void> {
    const { name } = this.#options;
    const check = `${ROUTES_SERVICE}:${service}:${name}`;
    const update = (): Promise<boolean> =>
      this.#put(`/v1/agent/check/update/${encodeURIComponent(check)}`, { Status: "warning", Output: output });
    if (await update()) return;
    await this.#put("/v1/agent/service/register", {
      ID: this.#serviceId(service),
      Name: ROUTES_SERVICE,
      Meta: { service, ingress: name },
      Check: {
        CheckID: check,
        Name: `routes of ${service}`,
        // What is wrong comes with the reason, so that an alert that goes out at once has it.
        Status: "passing",
        TTL,
        DeregisterCriticalServiceAfter: TTL,
      },
    });
    await update();
  }

  async #event({ service, code, message, hint = "" }: Problem): Promise<void> {
    const payload = {
      node: this.#options.node,
      ingress: this.#options.name,
      service,
      code,
      message: message.slice(0, 200),
      hint: hint.slice(0, 100),
    };
    await this.#put(`/v1/event/fire/${EVENT}`, payload);
  }

  /** False: there is no such thing. */
  async #put(path: string, body?: object): Promise<boolean> {
    const call = { method: "PUT", path, schema: v.unknown(), ...(body === undefined ? {} : { body }) } as const;
    const done = await this.#options.consul.call(call);
    if (!done.ok && done.error.code !== "missing" && done.error.code !== "unexpected")
      throw new Error(done.error.message);
    return done.ok || done.error.code === "unexpected";
  }
}
