import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

/** For `dns.test` and loopback, in files that go with the test. */
export async function certificate(
  t: ExecutionContext,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), "lares-dns-tls-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=dns.test", "-addext", "subjectAltName=DNS:dns.test,IP:127.0.0.1"];
  const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...kind, "-keyout", keyFile, "-out", certFile, ...subject], { stdio: "ignore" });
  return { certFile, keyFile };
}
