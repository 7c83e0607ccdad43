import { createPrivateKey, X509Certificate } from "node:crypto";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { ListenerTls } from "#base/platform/listener-tls.ts";

/** Certificate, key and those who sign clients' certificates, PEM. */
export interface CertificateSet {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const MIN_VERSIONS = { tls12: "TLSv1.2", tls13: "TLSv1.3" } as const;

/**
 * What the public APIs answer with; undefined: they are no TLS. `own`: of this node, for a configuration that names no
 * files. Rejects with a `CodedError` `tls` that names file and remedy.
 */
export async function apiTls(
  disk: Disk,
  { tls }: AgentConfig,
  own: CertificateSet | undefined,
): Promise<ListenerTls | undefined> {
  if (!tls.http) return undefined;
  const set = tls.certFile === "" ? own : await readCertificates(disk, tls);
  if (set === undefined) throw new CodedError("tls", "tls: http is on, and there is no certificate", NO_CERTIFICATE);
  const { ca: clientCa, cert, key } = set;
  const minVersion = tls.tlsMinVersion === "tls13" ? MIN_VERSIONS.tls13 : MIN_VERSIONS.tls12;
  const common = { cert, key, minVersion, ciphers: tls.tlsCipherSuites };
  return tls.verifyHttpsClient ? { ...common, clientCa } : common;
}

const NO_CERTIFICATE = "set ca_file, cert_file and key_file, or make this node part of a cluster (`lares init`)";

/** Of the `tls` block's files. Rejects with a `CodedError` `tls`. */
export async function readCertificates(
  disk: Disk,
  { caFile, certFile, keyFile }: Pick<AgentConfig["tls"], "caFile" | "certFile" | "keyFile">,
): Promise<CertificateSet> {
  const read = async (setting: string, path: string): Promise<string> => {
    const bytes = await disk.read(path).catch((thrown: unknown) => {
      throw new CodedError("tls", `cannot read ${setting} ${path}: ${messageOf(thrown)}`, "correct the tls block");
    });
    if (bytes === undefined) throw new CodedError("tls", `${setting} ${path} does not exist`, "correct the tls block");
    return textOf(bytes);
  };
  const set = {
    ca: await read("ca_file", caFile),
    cert: await read("cert_file", certFile),
    key: await read("key_file", keyFile),
  };
  const certificate = parsed("cert_file", certFile, () => new X509Certificate(set.cert));
  parsed("ca_file", caFile, () => new X509Certificate(set.ca));
  const key = parsed("key_file", keyFile, () => createPrivateKey(set.key));
  if (!certificate.checkPrivateKey(key))
    throw new CodedError("tls", `key_file ${keyFile} is not the key of cert_file ${certFile}`, "correct the tls block");
  return set;
}

function parsed<T>(setting: string, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    throw new CodedError("tls", `${setting} ${path} holds no such thing as PEM: ${messageOf(thrown)}`, "replace it");
  }
}
