import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { EtcdTls } from "#base/platform/etcd/grpc-connection.ts";

type Files = AgentConfig["state"]["etcd"];

/**
 * What this server and an etcd prove each other by the files of the configuration. Each new connection reads them again, so that
 * renewed ones are used without a restart; while they are no certificates, the last that were go on. Undefined: nothing is to be
 * proven. Throws a `CodedError` `agent_config` that names file and remedy.
 */
export function etcdFiles(files: Files, nowMs: () => number): (() => EtcdTls) | undefined {
  if (files.caFile === "") return undefined;
  let last = readFiles(files, nowMs());
  return () => {
    try {
      last = readFiles(files, nowMs());
    } catch {
      // They may be in the middle of being replaced; what is wrong with them for good the other side says.
    }
    return last;
  };
}

function readFiles({ caFile, certFile, keyFile, serverName }: Files, nowMs: number): EtcdTls {
  const ca = readPem("ca_file", caFile);
  parsed("ca_file", caFile, () => new X509Certificate(ca));
  const named = serverName === "" ? {} : { serverName };
  if (certFile === "") return { ca, ...named };
  const [cert, key] = [readPem("cert_file", certFile), readPem("key_file", keyFile)];
  const certificate = parsed("cert_file", certFile, () => new X509Certificate(cert));
  const privateKey = parsed("key_file", keyFile, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw wrong(`key_file: ${keyFile} is not the key of ${certFile}`, "name the one that belongs to cert_file");
  if (Date.parse(certificate.validTo) < nowMs)
    throw wrong(
      `cert_file: the certificate in ${certFile} ended at ${certificate.validTo}`,
      "renew it, or set the clock right",
    );
  return { ca, cert, key, ...named };
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw wrong(`${name}: cannot read ${path}: ${messageOf(thrown)}`, "correct it");
  }
}

function parsed<T>(name: string, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    throw wrong(`${name}: ${path} holds no such thing as PEM: ${messageOf(thrown)}`, "replace it");
  }
}

function wrong(message: string, hint: string): CodedError {
  return new CodedError("agent_config", `state.etcd.${message}`, hint);
}
