import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { parseWithBigints } from "#base/protocol/json-numbers.ts";
import { BIGINT_KEYS, readConsulAnswer } from "../dependencies/consul-answers.ts";
import type { ConsulDependency, Dependency, NomadDependency } from "../dependencies/dependency.ts";
import { readNomadAnswer } from "../dependencies/nomad-answers.ts";
import { certificateValue, readSecret, readSecretList } from "../dependencies/vault-answers.ts";
import type { Source } from "../engine/source.ts";
import type { BlockingOptions } from "./blocking.ts";
import { createConsulSource } from "./consul.ts";
import { createFileSource } from "./file.ts";
import { createNomadSource } from "./nomad.ts";
import type { VaultSourceOptions } from "./vault/vault-options.ts";
import { createVaultSource } from "./vault/vault-source.ts";

export interface TemplateSourceOptions {
  readonly env: Pick<Env, "clock" | "random" | "disk">;
  readonly consul: BlockingOptions;
  readonly nomad: BlockingOptions;
  /** Undefined: there is no Vault. */
  readonly vault: Pick<VaultSourceOptions<GoValue>, "api" | "token" | "retry" | "leases"> | undefined;
  /** Where a path of a template is: absolute. */
  readonly resolve: (path: string) => string;
}

/** Everything a template can ask for, by the kind of what it asks. */
export function createTemplateSource({
  env,
  consul,
  nomad,
  vault,
  resolve,
}: TemplateSourceOptions): Source<Dependency, GoValue> {
  const { clock, random, disk } = env;
  const consulSource = createConsulSource<GoValue>({ ...consul, read: consulValue, isNothing });
  const nomadSource = createNomadSource<GoValue>({ ...nomad, read: nomadValue, isNothing });
  const fileSource = createFileSource<GoValue>({ clock, disk, resolve, value: textOf });
  const vaultSource =
    vault === undefined
      ? undefined
      : createVaultSource<GoValue>({
          ...vault,
          clock,
          random,
          disk,
          resolve,
          secret: (body) => readSecret(JSON.parse(body)),
          list: (body) => readSecretList(JSON.parse(body)),
          certificate: certificateValue,
        });
  return {
    async follow(dependency, sink, signal) {
      switch (dependency.kind) {
        case "vault.read":
        case "vault.write":
        case "vault.list":
        case "vault.pki":
          if (vaultSource === undefined) return sink.failed("there is no Vault to ask", undefined);
          return vaultSource.follow(dependency, sink, signal);
        case "nomad.services":
        case "nomad.service":
        case "nomad.var.get":
        case "nomad.var.list":
          return nomadSource.follow(dependency, sink, signal);
        case "file":
          return fileSource.follow(dependency, sink, signal);
        default:
          return consulSource.follow(dependency, sink, signal);
      }
    },
  };
}

function isNothing(value: GoValue): boolean {
  return value === null;
}

function consulValue(dependency: ConsulDependency, body: string | undefined): GoValue {
  return readConsulAnswer(dependency, body === undefined ? undefined : parseWithBigints(body, BIGINT_KEYS));
}

function nomadValue(dependency: NomadDependency, body: string | undefined): GoValue {
  const bigints = ["CreateIndex", "ModifyIndex", "CreateTime", "ModifyTime"];
  return readNomadAnswer(dependency, body === undefined ? undefined : parseWithBigints(body, bigints));
}
