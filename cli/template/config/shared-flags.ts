import { durationMs, flag, integer, text } from "#base/language/hcl/decode/readers.ts";
import type { Reader } from "#base/language/hcl/decode/table.ts";
import { add, set, type ToolFlag } from "./go-flags.ts";
import { auth, command, logLevel, share, signal, waitText } from "./readers.ts";

type Flags = Readonly<Record<string, ToolFlag>>;

export function value(name: string, read: Reader, [path, summary]: readonly [string, string]): ToolFlag {
  return { value: name, summary, read, apply: set(path) };
}

export function toggle(path: string, summary: string): ToolFlag {
  return { value: "", summary, read: flag, apply: set(path) };
}

/** Retry, TLS and connection flags, which every server has. */
function connection(name: string, server: string): Flags {
  const at = (key: string): string => `${name}.${key}`;
  const flags: Flags = {
    retry: toggle(at("retry.enabled"), `Try again when ${server} cannot be reached`),
    "retry-attempts": value("int", integer, [at("retry.attempts"), "How often to try again; 0: for ever"]),
    "retry-backoff": value("duration", durationMs, [
      at("retry.backoffMs"),
      "First pause; each next one is twice as long",
    ]),
    "retry-max-backoff": value("duration", durationMs, [at("retry.maxBackoffMs"), "Longest pause; 0: no limit"]),
    ssl: toggle(at("ssl.enabled"), `Use TLS with ${server}`),
    "ssl-ca-cert": value("path", text, [at("ssl.caCert"), "The authorities to trust, a PEM file"]),
    "ssl-ca-path": value("path", text, [at("ssl.caPath"), "The authorities to trust, a folder of PEM files"]),
    "ssl-cert": value("path", text, [at("ssl.cert"), "The certificate to show"]),
    "ssl-key": value("path", text, [at("ssl.key"), "The key of the certificate"]),
    "ssl-server-name": value("name", text, [at("ssl.serverName"), "The name the server's certificate must have"]),
    "ssl-verify": toggle(at("ssl.verify"), "Verify the server's certificate"),
    "transport-dial-keep-alive": value("duration", durationMs, [
      at("transport.dialKeepAliveMs"),
      "Between keep-alive probes",
    ]),
    "transport-dial-timeout": value("duration", durationMs, [
      at("transport.dialTimeoutMs"),
      "How long connecting may take",
    ]),
    "transport-disable-keep-alives": toggle(at("transport.disableKeepAlives"), "A connection for every request"),
    "transport-max-idle-conns-per-host": value("int", integer, [
      at("transport.maxIdleConnsPerHost"),
      "Idle connections kept",
    ]),
    "transport-tls-handshake-timeout": value("duration", durationMs, [
      at("transport.tlsHandshakeTimeoutMs"),
      "How long the TLS handshake may take",
    ]),
  };
  return Object.fromEntries(Object.entries(flags).map(([key, each]) => [`${name}-${key}`, each]));
}

/** One word that stands for several fields, from times before each server had its own. */
function old(read: Reader, paths: readonly string[], bare = false): ToolFlag {
  return {
    value: bare ? "" : "value",
    summary: "",
    read,
    apply: (into, given) => paths.reduce((fields, path) => set(path)(fields, given), into),
    old: true,
  };
}

const consul: Flags = {
  ...connection("consul", "Consul"),
  "consul-addr": value("address", text, ["consul.address", "Where Consul is"]),
  "consul-auth": value("username[:password]", auth, ["consul.auth", "For HTTP basic authentication"]),
  "consul-namespace": value("namespace", text, ["consul.namespace", "Consul's namespace"]),
  "consul-token": value("token", text, ["consul.token", "Consul's token"]),
  "consul-token-file": value("path", text, ["consul.tokenFile", "A file that holds Consul's token"]),
};
const vault: Flags = {
  ...connection("vault", "Vault"),
  "vault-addr": value("address", text, ["vault.address", "Where Vault is"]),
  "vault-namespace": value("namespace", text, ["vault.namespace", "Vault's namespace"]),
  "vault-token": value("token", text, ["vault.token", "Vault's token"]),
  "vault-agent-token-file": value("path", text, [
    "vault.agentTokenFile",
    "A file that holds Vault's token and is followed",
  ]),
  "vault-renew-token": toggle("vault.renewToken", "Renew Vault's token at half its life"),
  "vault-unwrap-token": toggle("vault.unwrapToken", "The token is wrapped: unwrap it first"),
  "vault-default-lease-duration": value("duration", durationMs, [
    "vault.defaultLeaseMs",
    "For secrets without a lease",
  ]),
  "vault-lease-renewal-threshold": value("share", share, [
    "vault.leaseRenewalThreshold",
    "The part of a lease after which a secret that cannot be renewed is read again",
  ]),
  "vault-k8s-auth-role-name": value("role", text, ["vault.k8sRole", "Log in with this role of Kubernetes"]),
  "vault-k8s-service-account-token-path": value("path", text, ["vault.k8sTokenPath", "The service account's token"]),
  "vault-k8s-service-mount-path": value("path", text, ["vault.k8sMount", "Where Kubernetes logins are mounted"]),
  "vault-grace": old(durationMs, ["vault.grace"]),
};
const nomad: Flags = {
  ...connection("nomad", "Nomad"),
  "nomad-addr": value("address", text, ["nomad.address", "Where Nomad is"]),
  "nomad-namespace": value("namespace", text, ["nomad.namespace", "Nomad's namespace"]),
  "nomad-token": value("token", text, ["nomad.token", "Nomad's token"]),
  "nomad-auth-username": value("username", text, ["nomad.authUsername", "For HTTP basic authentication"]),
  "nomad-auth-password": value("password", text, ["nomad.authPassword", "For HTTP basic authentication"]),
};

/** What both tools understand. */
export const SHARED_FLAGS: Flags = {
  config: {
    value: "path",
    summary: "A configuration file or a folder; later ones win",
    read: text,
    apply: add("config"),
  },
  ...consul,
  ...vault,
  exec: value("command", command, ["exec.command", "Run this program, and tell it of changes"]),
  "exec-kill-signal": value("signal", signal, ["exec.killSignal", "Sent to the program to end it"]),
  "exec-kill-timeout": value("duration", durationMs, ["exec.killTimeoutMs", "How long it may take to end"]),
  "exec-splay": value("duration", durationMs, ["exec.splayMs", "At most this long, by chance, before it is told"]),
  "kill-signal": value("signal", signal, ["killSignal", "The signal that ends this tool"]),
  "log-level": value("level", logLevel, ["logLevel", "trace, debug, info, warn or err"]),
  "log-file": value("path", text, ["logFile.path", "Write the log to a file too"]),
  "log-rotate-bytes": value("int", integer, ["logFile.rotateBytes", "A new log file above this size"]),
  "log-rotate-duration": value("duration", durationMs, ["logFile.rotateMs", "A new log file after this time"]),
  "log-rotate-max-files": value("int", integer, ["logFile.maxFiles", "Finished log files to keep; 0: all"]),
  "max-stale": value("duration", durationMs, ["maxStaleMs", "Any server may answer whose data is at most this old"]),
  once: toggle("once", "Do everything once, then end"),
  "pid-file": value("path", text, ["pidFile", "Write the process id to a file"]),
  "reload-signal": value("signal", signal, ["reloadSignal", "The signal that reads the configuration again"]),
  syslog: toggle("syslog.enabled", "Send the log to syslog"),
  "syslog-facility": value("facility", text, ["syslog.facility", "Syslog's facility; default: LOCAL0"]),
  "syslog-name": value("name", text, ["syslog.name", "The name in syslog"]),
  wait: value("min[:max]", waitText, ["wait", "How long it must be quiet before changes are acted on"]),
  version: toggle("version", "Print the version"),
  v: { ...toggle("version", ""), old: true },
  auth: old(auth, ["consul.auth"]),
  consul: old(text, ["consul.address"]),
  token: old(text, ["consul.token"]),
  retry: old(durationMs, [
    "consul.retry.backoffMs",
    "consul.retry.maxBackoffMs",
    "vault.retry.backoffMs",
    "vault.retry.maxBackoffMs",
  ]),
  splay: old(durationMs, ["exec.splayMs"]),
  timeout: old(durationMs, ["exec.timeoutMs"]),
  ssl: old(flag, ["consul.ssl.enabled", "vault.ssl.enabled"], true),
  "ssl-verify": old(flag, ["consul.ssl.verify", "vault.ssl.verify"], true),
  "ssl-ca-cert": old(text, ["consul.ssl.caCert", "vault.ssl.caCert"]),
  "ssl-cert": old(text, ["consul.ssl.cert", "vault.ssl.cert"]),
  "ssl-key": old(text, ["consul.ssl.key", "vault.ssl.key"]),
};

export const NOMAD_FLAGS: Flags = nomad;
