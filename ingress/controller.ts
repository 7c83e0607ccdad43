import type { Pair } from "#base/client/templates/dependency.ts";
import { TemplateRunner } from "#base/client/templates/runner.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import type { Timer } from "#base/env/clock.ts";
import { messageOf, type Failure } from "#base/env/errors.ts";
import type { CertificateKeeper } from "./certificates/certificate-keeper.ts";
import type { CertificateStore } from "./certificates/certificate-store.ts";
import { kvCertificates } from "./certificates/kv-certificates.ts";
import { wantedOf } from "./certificates/wanted.ts";
import { StapleKeeper } from "./certificates/staple-keeper.ts";
import { buildConfig, Known, type BuildOptions, type Refusal } from "./config/build.ts";
import type { IngressConfig } from "./config/model.ts";
import { assignSlots } from "./config/slots.ts";
import { Applier, type ApplyFailure } from "./control/applier.ts";
import type { FollowedTemplate } from "./control/own-template.ts";
import { createRenderer, type Renderer } from "./control/render.ts";
import { watchReach, type Reach } from "./control/reach.ts";
import { Teller } from "./control/teller.ts";
import { MAX_LISTED, type IngressStatus } from "./control/status.ts";
import { Watchdog } from "./control/watchdog.ts";
import { Haproxy } from "./haproxy/haproxy.ts";
import type { IngressOptions } from "./ingress-options.ts";
import type { Processes } from "./haproxy/processes.ts";

export interface Ingress {
  status(): IngressStatus;
  stop(): Promise<void>;
}

/** A lone change is served this soon; a burst becomes one change. */
const QUIET = { minMs: 20, maxMs: 250 };
export const MAX_CONNECTIONS = 4000;
const RETRY_MS = 5000;
/** What HAProxy could not do may be possible later: a port may be free again. */
const FORGIVE_MS = 30_000;
const AGE_MS = 6 * 3_600_000;
const MAX_REFUSALS = 1000;
const MAX_ROUNDS = 25;
export const STORE = "lares/ingress";
const CERTIFICATES = `${STORE}/certificates/`;
export const STAPLES = `${STORE}/ocsp/`;
export const CHALLENGES = `${STORE}/acme/challenges/`;
export const PROOFS = `${STORE}/acme/proofs/`;

/** Keeps HAProxy in step with the catalog until stopped. */
export function startIngress(options: IngressOptions): Ingress {
  const controller = new Controller(options);
  controller.start();
  return { status: () => controller.status(), stop: () => controller.stop() };
}

class Controller {
  readonly #options: IngressOptions;
  readonly #haproxy: Haproxy;
  readonly #applier: Applier;
  readonly #runner: TemplateRunner;
  readonly #watchdog: Watchdog;
  readonly #teller: Teller;
  readonly #reach: Reach;
  readonly #render: Renderer;
  readonly #followed: FollowedTemplate | undefined;
  readonly #known = new Known();
  readonly #refused = new Map<string, Refusal>();
  readonly #keeper: CertificateKeeper | undefined;
  readonly #staples: StapleKeeper | undefined;
  readonly #certificates: CertificateStore;
  #kept = "";
  #pairs: readonly Pair[] = [];
  #saidPairs: readonly Pair[] = [];
  /** Of the last pass, which may not know all it asked for. */
  #newest: { readonly data: TemplateData; readonly config: IngressConfig } | undefined;
  #data: TemplateData | undefined;
  #config: IngressConfig | undefined;
  #passes = 0;
  #failure = "";
  #templateFailure = "";
  #certificateProblems: readonly Failure[] = [];
  #processes: Processes | undefined;
  #work: Promise<void> = Promise.resolve();
  #again: Timer | undefined;
  #aging: Timer | undefined;
  #stopped = false;

  constructor(options: IngressOptions) {
    this.#options = options;
    this.#teller = new Teller({
      env: options.env,
      status: () => this.status(),
      publish: options.publish,
      tell: options.tell,
      isReady: () => this.#config !== undefined,
    });
    this.#reach = watchReach(options.get, { env: options.env, onChange: () => this.#reachChanged() });
    this.#keeper = options.keeper?.(() => this.#teller.report());
    if (options.putStaple !== undefined) {
      const { env, putStaple: put } = options;
      this.#staples = new StapleKeeper({ env, put, onProblems: () => this.#teller.report() });
    }
    this.#certificates = kvCertificates({
      prefix: CERTIFICATES,
      staples: STAPLES,
      clock: options.env.clock,
      report: (problems) => (this.#certificateProblems = problems),
    });
    const { env, haproxyProgram, dir, template, accessLog, maxConnections = MAX_CONNECTIONS } = options;
    const log = accessLog === undefined ? {} : { accessLog };
    this.#haproxy = new Haproxy({
      env,
      program: haproxyProgram,
      dir,
      ...log,
      onRestart: () => void this.#applier.restarted(),
    });
    this.#followed = options.followed?.({
      onText: () => void this.#applySoon(),
      onFailure: () => this.#teller.report(),
    });
    const followed = this.#followed === undefined ? undefined : () => this.#followed?.text() ?? "";
    this.#render = createRenderer({ maxConnections, template, followed });
    this.#applier = new Applier({ env, haproxy: this.#haproxy, render: this.#render });
    this.#runner = new TemplateRunner({
      clock: env.clock,
      random: env.random,
      log: env.log,
      get: this.#reach.get,
      wait: QUIET,
      template: (data) => this.#pass(data),
      onRendered: () => this.#take(),
    });
    this.#watchdog = new Watchdog({
      env,
      haproxy: this.#haproxy,
      program: haproxyProgram,
      lookMs: options.lookMs,
      onProcesses: (processes) => {
        this.#processes = processes;
        this.#teller.publishSoon();
      },
      onUpgrade: () => this.#upgraded(),
    });
  }

  start(): void {
    this.#runner.start();
    this.#followed?.start();
    void this.#watchdog.start();
    this.#age();
  }

  /** Certificates come to their end though nothing changes. */
  #age(): void {
    this.#aging = this.#options.env.clock.after(AGE_MS, () => {
      this.#rebuild();
      this.#age();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again?.cancel();
    this.#aging?.cancel();
    this.#teller.stop();
    this.#watchdog.stop();
    await Promise.all([this.#runner.stop(), this.#followed?.stop()]);
    await this.#work;
    await Promise.all([this.#keeper?.stop(), this.#staples?.stop(), this.#haproxy.stop()]);
  }

  status(): IngressStatus {
    const { env, node = "", name = "", host, adminPort } = this.#options;
    const routes = this.#config?.routes ?? [];
    return {
      node,
      name,
      at: new Date(env.clock.nowMs()).toISOString(),
      haproxy: {
        version: this.#processes?.version ?? "",
        workers: this.#processes === undefined ? 0 : this.#processes.old.length + 1,
        ...this.#applier.counts,
      },
      failure: this.#failure,
      catalogLostAt: this.#reach.lostAt(),
      admin: adminPort === undefined ? "" : `${host.includes(":") ? `[${host}]` : host}:${adminPort}`,
      routes: routes.slice(0, MAX_LISTED).map((route) => ({ ...route, services: [...route.services] })),
      routeCount: routes.length,
      problems: [
        ...(this.#config?.problems ?? []),
        ...[
          ...this.#templateProblems(),
          ...this.#certificateProblems,
          ...(this.#keeper?.problems() ?? []),
          ...(this.#staples?.problems() ?? []),
        ].map((found) => ({
          ...found,
          service: "",
        })),
      ],
    };
  }

  #pass(data: TemplateData): string {
    const config = buildConfig(data, this.#buildOptions());
    this.#templateFailure = this.#options.template === undefined ? "" : this.#tryTemplate(config, data);
    if (this.#templateFailure === "") {
      this.#newest = { data, config };
      this.#passes += 1;
    } else this.#teller.publishSoon();
    return String(this.#passes);
  }

  #reachChanged(): void {
    this.#teller.publishSoon();
    this.#rebuild();
  }

  #upgraded(): void {
    this.#options.env.log.info("HAProxy was upgraded, reloading it");
    // After what is being applied now, which would put back what is forgotten.
    this.#work = this.#work.then(() => this.#applier.forget());
    void this.#applySoon();
  }

  /** Renders once for what a user's template asks for, so that it is followed, too. What is wrong with it; empty: nothing. */
  #tryTemplate(config: IngressConfig, data: TemplateData): string {
    try {
      this.#render(config, new Map(config.backends.map(({ name, servers }) => [name, assignSlots(servers)])), data);
      return "";
    } catch (error) {
      return messageOf(error);
    }
  }

  #templateProblems(): readonly Failure[] {
    const why = this.#templateFailure || (this.#followed?.failure() ?? "");
    if (why === "") return [];
    return [
      {
        code: "ingress_template",
        message: `the template cannot be rendered: ${why}`,
        hint: "what it gave before stays in force",
      },
    ];
  }

  #buildOptions(): BuildOptions {
    const {
      host,
      virtual = [],
      port,
      httpsPort,
      adminPort,
      entryPoints = {},
      acceptProxy = false,
      snippets = false,
    } = this.#options;
    return {
      host,
      virtual,
      httpPort: port,
      https: httpsPort === undefined ? undefined : { port: httpsPort, certificates: this.#certificates },
      adminPort,
      entryPoints: { ...(httpsPort === undefined ? {} : { websecure: httpsPort }), ...entryPoints },
      acceptProxy,
      http3: this.#options.http3,
      snippets,
      refused: this.#refused,
      known: this.#known,
      challenges: this.#keeper === undefined ? undefined : CHALLENGES,
      proofs: this.#options.provesByTls === true ? PROOFS : undefined,
      store: STORE,
      lostAt: this.#reach.lostAt(),
    };
  }

  /** All that was asked is known: what came of it counts. */
  #take(): Promise<void> {
    if (this.#newest !== undefined) {
      const { data, config } = this.#newest;
      [this.#data, this.#config] = [data, config];
      this.#keepCertificates(data, config);
    }
    return this.#applySoon();
  }

  /** Tells the keepers which names are to have a certificate, and which there are, when that changed. */
  #keepCertificates(data: TemplateData, { exposed }: IngressConfig): void {
    const [pairs, staples] = [data.prefix(CERTIFICATES), data.prefix(STAPLES)];
    const wanted = wantedOf(exposed.map(({ route }) => route));
    const kept = JSON.stringify(wanted);
    if (this.#options.httpsPort !== undefined && (pairs !== this.#pairs || staples !== this.#saidPairs))
      this.#staples?.follow(byName(pairs, CERTIFICATES), byName(staples, STAPLES));
    if (kept !== this.#kept || pairs !== this.#pairs) this.#keeper?.follow(wanted, byName(pairs, ""));
    [this.#kept, this.#pairs, this.#saidPairs] = [kept, pairs, staples];
  }

  /** One at a time, always the newest. */
  #applySoon(): Promise<void> {
    this.#again?.cancel();
    this.#again = undefined;
    this.#work = this.#work
      .then(() => this.#apply())
      .catch((error: unknown) => this.#failed({ code: "ingress", message: messageOf(error) }));
    return this.#work;
  }

  async #apply(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [config, data] = [this.#config, this.#data];
      if (config === undefined || data === undefined || this.#stopped) return;
      if (this.#followed !== undefined && this.#followed.text() === undefined) return;
      const applied = await this.#applier.apply(config, data);
      if (applied.ok)
        return this.#applied(applied.value.how, applied.value.how === "later" ? applied.value.waitMs : undefined);
      if (!this.#refuse(applied.error, config)) return this.#failed(applied.error);
      this.#config = buildConfig(data, this.#buildOptions());
    }
    this.#failed({ code: "haproxy_refused", message: `HAProxy refused ${MAX_ROUNDS} configurations in a row` });
  }

  /** Takes the routes at fault out; false: it is not theirs. */
  #refuse({ message, backends }: ApplyFailure, config: IngressConfig): boolean {
    const guilty = config.exposed.filter(({ backend }) => backends.includes(backend));
    if (guilty.length === 0 || this.#refused.size > MAX_REFUSALS) return false;
    for (const { route } of guilty)
      this.#refused.set(route.key, { why: message, options: JSON.stringify(route.options) });
    this.#options.env.clock.after(FORGIVE_MS, () => {
      for (const { route } of guilty) this.#refused.delete(route.key);
      this.#rebuild();
    });
    return true;
  }

  #rebuild(): void {
    if (this.#stopped || this.#data === undefined) return;
    this.#config = buildConfig(this.#data, this.#buildOptions());
    void this.#applySoon();
  }

  #applied(how: string, waitMs: number | undefined): void {
    const { env } = this.#options;
    this.#failure = "";
    if (waitMs !== undefined) this.#retry(waitMs);
    if (how !== "unchanged") env.log.info(`HAProxy: ${how}`, { routes: this.#config?.routes.length ?? 0 });
    this.#teller.report();
  }

  #failed({ message, hint }: Failure): void {
    this.#failure = message;
    this.#options.env.log.error(message, { hint });
    this.#retry(RETRY_MS);
    this.#teller.report();
  }

  #retry(waitMs: number): void {
    this.#again?.cancel();
    if (!this.#stopped) this.#again = this.#options.env.clock.after(waitMs, () => void this.#applySoon());
  }
}

function byName(pairs: readonly Pair[], prefix: string): ReadonlyMap<string, string> {
  return new Map(pairs.map(({ key, value }) => [key.slice(prefix.length), value]));
}
