import { execFile, spawn } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "#test/free-ports.ts";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { until } from "../../scenario/agent.ts";

const run = promisify(execFile);
const VERSION = "v2.4.0";
const cache = new URL("../../../node_modules/.cache/lares/clients", import.meta.url).pathname;

export interface Pebble {
  readonly directory: string;
  /** Vouches for the server itself. */
  readonly ca: string;
  /** What it wrote so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface PebbleOptions {
  /** Where it looks for answers to HTTP-01. */
  readonly httpPort: number;
  /** And to TLS-ALPN-01. Default: one where nobody listens. */
  readonly tlsPort?: number;
  /** `127.0.0.1:8600`: who knows the names. */
  readonly dns: string;
}

/** Let's Encrypt's own test server, built from the Go module proxy and kept. It refuses some nonces on purpose. */
export async function startPebble({ httpPort, tlsPort: tls, dns }: PebbleOptions): Promise<Pebble> {
  const program = await pebbleProgram();
  const dir = mkdtempSync(join(tmpdir(), "lares-pebble-"));
  const key = await makeEcKey();
  const certificate = makeCertificate({
    commonName: "pebble",
    fromMs: Date.now() - 60_000,
    toMs: Date.now() + 86_400_000,
    serial: Uint8Array.of(1),
    addresses: [Uint8Array.of(127, 0, 0, 1)],
    names: [],
    isAuthority: false,
    key: createPrivateKey(key),
    issuer: undefined,
  });
  if (certificate === undefined) throw new Error("no certificate for Pebble");
  const [port = 0, management = 0, tlsPort = 0] = await freePorts(3);
  writeFileSync(join(dir, "cert.pem"), certificate);
  writeFileSync(join(dir, "key.pem"), key);
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(dir, "cert.pem"),
    privateKey: join(dir, "key.pem"),
    httpPort,
    tlsPort: tls ?? tlsPort,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
  };
  writeFileSync(join(dir, "config.json"), JSON.stringify({ pebble }));
  const child = spawn(program, ["-config", join(dir, "config.json"), "-dnsserver", dns], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "20" },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await until("Pebble serves", () => said.includes("ACME directory available"));
  return {
    directory: `https://127.0.0.1:${port}/dir`,
    ca: certificate,
    log: () => said,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function pebbleProgram(): Promise<string> {
  const program = join(cache, `pebble-${VERSION}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "pebble-"));
  try {
    // Its newest version that Debian's Go builds, with a network library that newer ones link; both are pinned in go.mod.
    await run("go", ["build", "-o", join(folder, "pebble"), "github.com/letsencrypt/pebble/v2/cmd/pebble"], {
      cwd: new URL("pebble", import.meta.url).pathname,
      timeout: 600_000,
    });
    renameSync(join(folder, "pebble"), program);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return program;
}
