import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EtcdTls } from "#base/platform/etcd/grpc-connection.ts";

/** An authority of its own, and what it signs, as files of one folder: `ca.crt`, `<name>.crt`, `<name>.key`. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), "lares-certificates-"));

  constructor() {
    const subject = ["-subj", "/CN=test-ca", "-days", "2"];
    this.#openssl("req", "-x509", ...CURVE, "-keyout", "ca.key", "-out", "ca.crt", ...subject);
    // For both sides.
    this.sign("node");
  }

  /** `dates`: OpenSSL's words for how long it is good. */
  sign(name: string, { names = "IP:127.0.0.1", dates = ["-days", "2"] as readonly string[] } = {}): void {
    const [csr, ext] = [`${name}.csr`, `${name}.ext`];
    this.#openssl("req", ...CURVE, "-keyout", `${name}.key`, "-out", csr, "-subj", `/CN=${name}`);
    const uses = "extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n";
    writeFileSync(join(this.folder, ext), `subjectAltName=${names}\n${uses}`);
    const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    this.#openssl("x509", "-req", "-in", csr, "-out", `${name}.crt`, ...by, ...dates, "-extfile", ext);
  }

  tls(name = "node"): Required<Pick<EtcdTls, "ca" | "cert" | "key">> {
    return { ca: this.read("ca.crt"), cert: this.read(`${name}.crt`), key: this.read(`${name}.key`) };
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #openssl(...argv: readonly string[]): void {
    execFileSync("openssl", argv, { cwd: this.folder, stdio: "pipe" });
  }
}

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
