import type { Disk } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { textOfBytes } from "#base/language/go-template/functions/text/go-bytes.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { parseWithBigints } from "#base/protocol/json-numbers.ts";
import { BIGINT_KEYS, readConsulAnswer } from "../dependencies/consul-answers.ts";
import type { ConsulDependency, Dependency, NomadDependency, VaultDependency } from "../dependencies/dependency.ts";
import { readNomadAnswer } from "../dependencies/nomad-answers.ts";
import { certificateValue, readSecret, readSecretList } from "../dependencies/vault-answers.ts";
import { mapSource, type Source } from "../engine/source.ts";
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
  /** What is said to who asks a Vault that is not there. */
  readonly noVault?: string;
  /** Undefined: there is no Vault. */
  readonly vault: Pick<VaultSourceOptions<GoValue>, "api" | "token" | "retry" | "leases"> | undefined;
  /** Where a path of a template is: absolute. */
  readonly resolve: (path: string) => string;
  /** What `file` reads; default all files. */
  readonly files?: Pick<Disk, "read" | "stat">;
}

/** A value and what it was read from, where that is a body of Consul or Nomad. */
export interface Answer<V> {
  readonly value: V;
  /** Undefined: nothing is there, or it came from elsewhere. */
  readonly body: string | undefined;
}

/** Everything a template can ask for, by the kind of what it asks. */
export function createTemplateSource(options: TemplateSourceOptions): Source<Dependency, GoValue> {
  return mapSource(createAnswerSource(options), ({ value }) => value);
}

/** The same with the bodies the values were read from. */
export function createAnswerSource(options: TemplateSourceOptions): Source<Dependency, Answer<GoValue>> {
  const { consul, nomad, env, resolve, files } = options;
  const { clock, disk } = env;
  const read = (dependency: ConsulDependency | NomadDependency, body: string | undefined): Answer<GoValue> => ({
    value: readShared(dependency, body),
    body,
  });
  const isNothing = ({ value }: Answer<GoValue>): boolean => value === null;
  const consulSource = createConsulSource<Answer<GoValue>>({ ...consul, read, isNothing });
  const nomadSource = createNomadSource<Answer<GoValue>>({ ...nomad, read, isNothing });
  const bare = (value: GoValue): Answer<GoValue> => ({ value, body: undefined });
  const fileSource = createFileSource({
    clock,
    disk: files ?? disk,
    resolve,
    value: (bytes) => bare(textOfBytes(bytes)),
  });
  const vaultSource = vaultSourceOf(options);
  return {
    async follow(dependency, sink, signal) {
      switch (dependency.kind) {
        case "vault.read":
        case "vault.write":
        case "vault.list":
        case "vault.pki":
          if (vaultSource === undefined) return sink.failed(options.noVault ?? "there is no Vault to ask", undefined);
          return mapSource(vaultSource, bare).follow(dependency, sink, signal);
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

function vaultSourceOf({ vault, env, resolve }: TemplateSourceOptions): Source<VaultDependency, GoValue> | undefined {
  if (vault === undefined) return undefined;
  return createVaultSource<GoValue>({
    ...vault,
    ...env,
    resolve,
    secret: (body) => readSecret(JSON.parse(body)),
    list: (body) => readSecretList(JSON.parse(body)),
    certificate: certificateValue,
  });
}

/** Reads a body of Consul or Nomad; undefined: nothing is there. Throws when it has another shape. */
export function readShared(dependency: Dependency, body: string | undefined): GoValue {
  switch (dependency.kind) {
    case "nomad.services":
    case "nomad.service":
    case "nomad.var.get":
    case "nomad.var.list":
      return nomadValue(dependency, body);
    case "vault.read":
    case "vault.write":
    case "vault.list":
    case "vault.pki":
    case "file":
      throw new Error(`${dependency.kind} has no body of Consul or Nomad`);
    default:
      return consulValue(dependency, body);
  }
}

function consulValue(dependency: ConsulDependency, body: string | undefined): GoValue {
  return readConsulAnswer(dependency, body === undefined ? undefined : parseWithBigints(body, BIGINT_KEYS));
}

function nomadValue(dependency: NomadDependency, body: string | undefined): GoValue {
  const bigints = ["CreateIndex", "ModifyIndex", "CreateTime", "ModifyTime"];
  return readNomadAnswer(dependency, body === undefined ? undefined : parseWithBigints(body, bigints));
}
