import { compileTemplate } from "#base/client/templates/compile.ts";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import type { QuiescenceOptions } from "#base/client/templates/engine/quiescence.ts";
import { RETRY_FOR_EVER } from "#base/client/templates/engine/retry.ts";
import { TemplateUnit } from "#base/client/templates/engine/template-unit.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import type { TemplateHost } from "#base/client/templates/functions/host-functions.ts";
import type { BlockingOptions } from "#base/client/templates/sources/blocking.ts";
import { HttpApi } from "#base/client/templates/sources/http-api.ts";
import { createTemplateSource } from "#base/client/templates/sources/template-source.ts";
import type { ApiAddress } from "#base/client/address.ts";
import type { Env } from "#base/env/env.ts";
import { succeed, type Result } from "#base/env/errors.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import type { FollowedTemplate } from "./own-template.ts";
import { PART_NAMES, partMark } from "./own-template.ts";

export interface GoTemplateOptions {
  readonly env: Env;
  /** Both of the cluster's APIs. */
  readonly address: ApiAddress;
  /** Empty: none is sent. */
  readonly token: string;
  /** As errors name it. */
  readonly name: string;
  readonly text: string;
  readonly host: Omit<TemplateHost, "write">;
  /** Where a path that `file` names really is. */
  readonly resolve: (path: string) => string;
}

const WAIT: QuiescenceOptions = { minMs: 20, maxMs: 250 };
const QUERY_WAIT_MS = 60_000;

/**
 * A template of consul-template's language, with the built-in one's parts as templates it can take in
 * (`{{template "sections"}}`): kept rendered by the engine that renders `lares template`, with the same watches.
 */
export function openGoTemplate(
  options: GoTemplateOptions,
): Result<(listener: { readonly onText: () => void; readonly onFailure: () => void }) => FollowedTemplate> {
  const { env, name, text, host, resolve } = options;
  // Behind the user's own, so that what is wrong is said with its line.
  const parts = PART_NAMES.map((part) => `{{define "${part}"}}${partMark(part)}{{end}}`).join("");
  const compiled = compileTemplate({
    name,
    text: text + parts,
    leftDelim: "",
    rightDelim: "",
    errorOnMissingKey: false,
    denylist: ["plugin", "writeToFile"],
    destination: "haproxy.cfg",
    namespace: "default",
    host,
    resolvePath: resolve,
  });
  if (!compiled.ok) return compiled;
  return succeed(({ onText, onFailure }) => {
    let [newest, failure]: [string | undefined, string] = [undefined, ""];
    const pool = new WatchPool<Dependency, GoValue>({ log: env.log, source: sourceOf(options) });
    const failed = (message: string): void => {
      failure = message;
      onFailure();
    };
    const unit = new TemplateUnit<Dependency, GoValue>({
      clock: env.clock,
      pool,
      wait: WAIT,
      render: compiled.value.render,
      deliver: (rendered) => {
        [newest, failure] = [rendered, ""];
        onText();
        return Promise.resolve(true);
      },
      listener: {
        templateFailed: failed,
        dependencyFailed: (key, message) => failed(`${key}: ${message}`),
        settled: (pending) => {
          if (pending.length === 0 && failure !== "") failed("");
        },
      },
    });
    return {
      text: () => newest,
      failure: () => failure,
      start: () => unit.start(),
      stop: async () => {
        await Promise.all([unit.stop(), pool.stop()]);
      },
    };
  });
}

function sourceOf({ env, address, token, resolve }: GoTemplateOptions): ReturnType<typeof createTemplateSource> {
  const asking = (product: "consul" | "nomad"): BlockingOptions => ({
    clock: env.clock,
    random: env.random,
    product,
    retry: RETRY_FOR_EVER,
    maxStaleMs: 0,
    waitMs: QUERY_WAIT_MS,
    api: new HttpApi({
      http: env.http,
      address,
      name: product,
      headers: () => (token === "" ? {} : { [`x-${product}-token`]: token }),
    }),
  });
  return createTemplateSource({ env, consul: asking("consul"), nomad: asking("nomad"), vault: undefined, resolve });
}
