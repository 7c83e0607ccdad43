import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../scenario/agent.ts";

export interface Responder {
  /** Certificate, chain and key of `a.test`, PEM; it names the responder. */
  readonly pem: string;
  stop(): Promise<void>;
}

/** OpenSSL's own authority and OCSP responder, for one certificate. */
export async function startResponder(port: number): Promise<Responder> {
  const dir = mkdtempSync(join(tmpdir(), "lares-ocsp-"));
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: dir, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"];
  writeFileSync(
    join(dir, "ca.cnf"),
    `[ca]
default_ca=d
[d]
database=index.txt
serial=serial
new_certs_dir=.
default_md=sha256
default_days=2
policy=p
[p]
commonName=supplied
[v3]
authorityInfoAccess=OCSP;URI:http://127.0.0.1:${port}
subjectAltName=DNS:a.test
`,
  );
  writeFileSync(join(dir, "index.txt"), "");
  writeFileSync(join(dir, "serial"), "01\n");
  openssl("req", "-x509", ...key, "ca.key", "-out", "ca.pem", "-subj", "/CN=An authority", "-days", "2");
  openssl("req", ...key, "a.key", "-out", "a.csr", "-subj", "/CN=a.test");
  const signer = ["-cert", "ca.pem", "-keyfile", "ca.key"];
  openssl(
    "ca",
    "-batch",
    "-config",
    "ca.cnf",
    "-extensions",
    "v3",
    ...signer,
    "-in",
    "a.csr",
    "-out",
    "a.crt",
    "-notext",
  );
  const rights = ["-rsigner", "ca.pem", "-rkey", "ca.key", "-CA", "ca.pem", "-nmin", "60"];
  const child: ChildProcess = spawn("openssl", ["ocsp", "-index", "index.txt", "-port", String(port), ...rights], {
    cwd: dir,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (said += data.toString()));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await until("the responder waits", () => said.includes("waiting"));
  return {
    pem: ["a.crt", "ca.pem", "a.key"].map((name) => readFileSync(join(dir, name), "utf8")).join(""),
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
