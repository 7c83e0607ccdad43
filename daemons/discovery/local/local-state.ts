import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type {
  AgentCheckDefinition,
  AgentServiceDefinition,
  CatalogCheck,
  CatalogService,
  CheckStatus,
} from "#base/protocol/catalog.ts";
import { CheckRunner } from "../checks/check-runner.ts";
import type { CheckRules } from "../checks/check-spec.ts";
import { worstStatus } from "../checks/threshold.ts";
import { isMaintenance, maintenanceCheck } from "./maintenance.ts";
import { checkRow, readCheck, readService, type CheckRegistration } from "./registration.ts";

/** Services and checks one agent holds. Above: registering fails. */
export const MAX_LOCAL_SERVICES = 20_000;
export const MAX_LOCAL_CHECKS = 50_000;

/** Who asked for it: a task's is registered again by its runner after a restart, one of a file is read again, what the API got is kept. */
export type Origin = "task" | "api" | "file";

export interface LocalService {
  readonly row: CatalogService;
  readonly definition: AgentServiceDefinition;
  readonly origin: Origin;
}

export interface LocalCheck {
  readonly registration: CheckRegistration;
  /** Empty: a check of the node. */
  readonly serviceId: string;
  readonly origin: Origin;
  readonly runner: CheckRunner;
}

export interface LocalChange {
  readonly kind: "service" | "check";
  readonly id: string;
}

export interface RegisterOptions {
  readonly origin: Origin;
  /** Checks of the service that the definition does not name are removed. Default true. */
  readonly replaceChecks?: boolean;
}

export interface AgentRules extends CheckRules {
  /** Definitions of files may run programs, whatever holds for others. */
  readonly enableLocalScriptChecks: boolean;
}

/** The services and checks registered with this node's agent: what the catalog says of the node is made to agree with it. */
export class LocalState {
  readonly #env: Env;
  readonly #rules: AgentRules;
  readonly #services = new Map<string, LocalService>();
  readonly #checks = new Map<string, LocalCheck>();
  readonly #checksOfService = new Map<string, Set<string>>();
  readonly #changeListeners = new Set<(change: LocalChange) => void>();
  readonly #statusListeners = new Set<(serviceId: string, status: CheckStatus) => void>();
  readonly #remembered: (checkId: string) => CatalogCheck | undefined;

  /** `remembered`: how the catalog last knew a check, so that a restarted agent does not make healthy services vanish. */
  constructor(env: Env, rules: AgentRules, remembered: (checkId: string) => CatalogCheck | undefined) {
    this.#env = env;
    this.#rules = rules;
    this.#remembered = remembered;
  }

  get services(): ReadonlyMap<string, LocalService> {
    return this.#services;
  }

  get checks(): ReadonlyMap<string, LocalCheck> {
    return this.#checks;
  }

  /** Called with everything whose row may differ now. */
  onChange(listener: (change: LocalChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onStatus(listener: (serviceId: string, status: CheckStatus) => void): () => void {
    const own = (serviceId: string, status: CheckStatus): void => listener(serviceId, status);
    this.#statusListeners.add(own);
    return () => this.#statusListeners.delete(own);
  }

  registerService(definition: AgentServiceDefinition, options: RegisterOptions): Result<void> {
    const read = readService(definition, this.#rulesFor(options.origin));
    if (!read.ok) return read;
    const { row, checks } = read.value;
    const grows = !this.#services.has(row.ID);
    if (grows && this.#services.size >= MAX_LOCAL_SERVICES) return full("services", MAX_LOCAL_SERVICES);
    if (this.#checks.size + checks.length > MAX_LOCAL_CHECKS) return full("checks", MAX_LOCAL_CHECKS);
    this.#services.set(row.ID, { row, definition, origin: options.origin });
    this.#changed("service", row.ID);
    const wanted = new Set(checks.map((check) => check.id));
    for (const id of this.checksOf(row.ID)) {
      if (!wanted.has(id) && (options.replaceChecks ?? true) && !isMaintenance(id)) this.#removeCheck(id);
      else this.#changed("check", id);
    }
    for (const check of checks) this.#addCheck(check, row.ID, options.origin);
    return succeed(undefined);
  }

  /** False when there was none. */
  deregisterService(id: string): boolean {
    if (!this.#services.delete(id)) return false;
    for (const checkId of this.checksOf(id)) this.#removeCheck(checkId);
    this.#changed("service", id);
    return true;
  }

  registerCheck(definition: AgentCheckDefinition, origin: Origin): Result<void> {
    if (definition.Name === "" && definition.CheckID === "" && definition.ID === "") {
      return fail("invalid_check", "Missing check name", "give the check a Name");
    }
    const read = readCheck(definition, { id: definition.Name, name: definition.Name }, this.#rulesFor(origin));
    if (!read.ok) return read;
    if (definition.ServiceID !== "" && !this.#services.has(definition.ServiceID)) {
      return fail("unknown_service", `ServiceID ${JSON.stringify(definition.ServiceID)} does not exist`);
    }
    if (this.#checks.size >= MAX_LOCAL_CHECKS) return full("checks", MAX_LOCAL_CHECKS);
    this.#addCheck(read.value, definition.ServiceID, origin);
    return succeed(undefined);
  }

  /** A check that is part of the agent itself. */
  addNodeCheck(registration: CheckRegistration): void {
    this.#addCheck(registration, "", "file");
  }

  deregisterCheck(id: string): boolean {
    if (!this.#checks.has(id)) return false;
    this.#removeCheck(id);
    return true;
  }

  /** Takes a service, or the whole node (empty id), out of service until {@link deregisterCheck} of the returned id. */
  enterMaintenance(serviceId: string, reason: string): string {
    const registration = maintenanceCheck(serviceId, reason);
    this.#addCheck(registration, serviceId, "api");
    return registration.id;
  }

  checksOf(serviceId: string): readonly string[] {
    return [...(this.#checksOfService.get(serviceId) ?? [])];
  }

  serviceStatus(serviceId: string): CheckStatus {
    return worstStatus(this.checksOf(serviceId).map((id) => this.#checks.get(id)?.runner.status ?? "passing"));
  }

  /** The catalog's row of a check, as it should be now. */
  checkRow(id: string): CatalogCheck | undefined {
    const check = this.#checks.get(id);
    if (check === undefined) return undefined;
    const { status, output } = check.runner;
    const service = this.#services.get(check.serviceId)?.row;
    return checkRow(check.registration, service, { node: this.#rules.nodeName, status, output });
  }

  stop(): void {
    for (const check of this.#checks.values()) check.runner.stop();
    this.#changeListeners.clear();
    this.#statusListeners.clear();
  }

  #addCheck(registration: CheckRegistration, serviceId: string, origin: Origin): void {
    const { id, definition, spec } = registration;
    const old = this.#checks.get(id);
    const same = old !== undefined && old.serviceId === serviceId && sameJson(old.registration.definition, definition);
    if (same && (spec.probe.kind !== "ttl" || definition.Status === "")) {
      this.#changed("check", id);
      return;
    }
    if (old !== undefined) this.#removeCheck(id);
    const known =
      definition.Status === "" ? (old === undefined ? this.#knownBefore(id, serviceId) : rowLike(old)) : undefined;
    const runner = new CheckRunner(this.#env, {
      spec,
      status: known?.Status ?? spec.initialStatus,
      output: known?.Output ?? "",
      eager: origin === "task",
      onChange: () => this.#checkMoved(id, serviceId),
      onOverdue: () => this.#overdue(serviceId),
    });
    this.#checks.set(id, { registration, serviceId, origin, runner });
    const siblings = this.#checksOfService.get(serviceId);
    if (siblings === undefined) this.#checksOfService.set(serviceId, new Set([id]));
    else siblings.add(id);
    runner.start();
    this.#changed("check", id);
    this.#tellStatus(serviceId);
  }

  #rulesFor(origin: Origin): CheckRules {
    const { enableScriptChecks, enableLocalScriptChecks, nodeName } = this.#rules;
    return { enableScriptChecks: enableScriptChecks || (origin === "file" && enableLocalScriptChecks), nodeName };
  }

  #knownBefore(id: string, serviceId: string): CatalogCheck | undefined {
    const row = this.#remembered(id);
    return row?.ServiceID === serviceId ? row : undefined;
  }

  #removeCheck(id: string): void {
    const check = this.#checks.get(id);
    if (check === undefined) return;
    check.runner.stop();
    this.#checks.delete(id);
    const siblings = this.#checksOfService.get(check.serviceId);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#checksOfService.delete(check.serviceId);
    this.#changed("check", id);
    if (this.#services.has(check.serviceId)) this.#tellStatus(check.serviceId);
  }

  #checkMoved(id: string, serviceId: string): void {
    this.#changed("check", id);
    this.#tellStatus(serviceId);
  }

  #overdue(serviceId: string): void {
    if (serviceId === "") return;
    this.#env.log.warn("a service was critical for too long and is deregistered", { service: serviceId });
    this.deregisterService(serviceId);
  }

  #changed(kind: LocalChange["kind"], id: string): void {
    for (const listener of this.#changeListeners) listener({ kind, id });
  }

  #tellStatus(serviceId: string): void {
    if (serviceId === "" || this.#statusListeners.size === 0) return;
    const status = this.serviceStatus(serviceId);
    for (const listener of this.#statusListeners) listener(serviceId, status);
  }
}

function rowLike(check: LocalCheck): { readonly Status: CheckStatus; readonly Output: string } {
  return { Status: check.runner.status, Output: check.runner.output };
}

function full(what: string, limit: number): Result<never> {
  return fail(
    "too_many",
    `this agent holds ${limit} ${what} already`,
    "deregister some, or spread them over more nodes",
  );
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
