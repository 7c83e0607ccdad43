import * as v from "valibot";
import { integer, list, text, texts } from "#base/protocol/schema.ts";

const on = v.nullish(v.boolean(), true);
const off = v.nullish(v.boolean(), false);
/** Neither said on nor off. */
const unsaid = v.nullish(v.boolean());
const whole = (otherwise: number) => v.nullish(v.pipe(v.number(), v.integer()), otherwise);
const maybe = v.nullish(v.number());
const word = (otherwise: string) => v.nullish(v.string(), otherwise);
/** A block whose every key has a default. */
export function settings<S extends v.ObjectEntries>(entries: S) {
  return v.pipe(
    v.nullish(v.record(v.string(), v.unknown()), () => ({})),
    v.object(entries),
  );
}

const SECOND = 1000;

export const RetrySchema = settings({
  enabled: on,
  /** 0: for ever. */
  attempts: whole(12),
  backoffMs: whole(250),
  /** 0: no limit. */
  maxBackoffMs: whole(60 * SECOND),
});
export const SslSchema = settings({
  enabled: unsaid,
  verify: unsaid,
  cert: text,
  key: text,
  caCert: text,
  caCertBytes: text,
  caPath: text,
  serverName: text,
});
const TransportSchema = settings({ dialTimeoutMs: whole(30 * SECOND), tlsHandshakeTimeoutMs: whole(10 * SECOND) });
const AuthSchema = settings({ enabled: unsaid, username: text, password: text });
const connection = { retry: RetrySchema, ssl: SslSchema, transport: TransportSchema };

export const ConsulSchema = settings({
  ...connection,
  address: text,
  namespace: text,
  token: text,
  tokenFile: text,
  auth: AuthSchema,
});
export const VaultSchema = settings({
  ...connection,
  address: text,
  enabled: unsaid,
  namespace: text,
  token: text,
  agentTokenFile: text,
  unwrapToken: off,
  renewToken: unsaid,
  defaultLeaseMs: whole(300 * SECOND),
  leaseRenewalThreshold: v.nullish(v.number(), 0.9),
  userAgent: text,
  k8sRole: text,
  k8sToken: text,
  k8sTokenPath: word("/run/secrets/kubernetes.io/serviceaccount/token"),
  k8sMount: word("kubernetes"),
});
export const NomadSchema = settings({
  ...connection,
  address: text,
  enabled: unsaid,
  namespace: text,
  token: text,
  authUsername: text,
  authPassword: text,
});
export const WaitSchema = settings({ enabled: unsaid, minMs: maybe, maxMs: maybe });
export const ExecSchema = settings({
  enabled: unsaid,
  command: texts,
  env: settings({ pristine: off, custom: texts, allowlist: texts, denylist: texts }),
  killSignal: word("SIGINT"),
  killTimeoutMs: whole(30 * SECOND),
  /** Empty: the child is ended and started anew. */
  reloadSignal: text,
  splayMs: integer,
  /** Of a template's command: null means 30 s. Of the child: 0, for ever. */
  timeoutMs: maybe,
});
export type ExecConfig = v.InferOutput<typeof ExecSchema>;

export const TemplateSchema = settings({
  source: text,
  contents: v.nullish(v.string()),
  destination: text,
  createDestDirs: on,
  command: texts,
  commandTimeoutMs: maybe,
  exec: ExecSchema,
  errorOnMissingKey: off,
  errorFatal: unsaid,
  perms: maybe,
  user: text,
  group: text,
  backup: off,
  leftDelimiter: text,
  rightDelimiter: text,
  functionDenylist: texts,
  sandboxPath: text,
  environmentVariable: text,
  wait: WaitSchema,
});
export type TemplateConfig = v.InferOutput<typeof TemplateSchema>;

/** What both tools understand. */
export const shared = {
  consul: ConsulSchema,
  vault: VaultSchema,
  nomad: NomadSchema,
  exec: ExecSchema,
  wait: WaitSchema,
  killSignal: word("SIGINT"),
  reloadSignal: word("SIGHUP"),
  logLevel: v.nullish(v.picklist(["trace", "debug", "info", "warn", "error"]), "warn"),
  maxStaleMs: whole(2 * SECOND),
  blockQueryWaitMs: whole(60 * SECOND),
  pidFile: text,
  syslog: settings({ enabled: unsaid, facility: v.nullish(v.string()), name: v.nullish(v.string()) }),
  logFile: settings({ path: text, rotateBytes: integer, rotateMs: whole(86_400 * SECOND), maxFiles: integer }),
};

/** A whole configuration of consul-template, every key with a value. Durations in milliseconds. */
export const TemplateToolSchema = settings({
  ...shared,
  dumpSignal: word("SIGQUIT"),
  once: off,
  parseOnly: off,
  templateErrorFatal: on,
  deduplicate: settings({
    enabled: unsaid,
    prefix: v.nullish(v.string()),
    maxStaleMs: maybe,
    blockQueryWaitMs: maybe,
    ttlMs: maybe,
  }),
  defaultDelimiters: settings({ left: text, right: text }),
  templates: list(TemplateSchema),
});
export type TemplateToolConfig = v.InferOutput<typeof TemplateToolSchema>;
export type ConsulConfig = TemplateToolConfig["consul"];
export type VaultConfig = TemplateToolConfig["vault"];
export type NomadConfig = TemplateToolConfig["nomad"];
export type SslConfig = v.InferOutput<typeof SslSchema>;
export type WaitConfig = v.InferOutput<typeof WaitSchema>;
