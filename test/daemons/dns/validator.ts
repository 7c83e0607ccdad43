import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import { startUnbound } from "./unbound.ts";

const run = promisify(execFile);
const ZONE = "signed.test";

/** Debian's unbound, which validates `signed.test`: `www` is right, `forged` was changed after it was signed. */
export async function startValidator(t: ExecutionContext): Promise<{ readonly port: number }> {
  const folder = await mkdtemp(join(tmpdir(), "lares-dnssec-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const records = [
    `$ORIGIN ${ZONE}.`,
    "$TTL 300",
    "@ IN SOA ns hostmaster 1 3600 600 86400 60",
    "@ IN NS ns",
    "ns IN A 192.0.2.53",
    "www IN A 192.0.2.1",
    "forged IN A 192.0.2.6",
  ];
  await writeFile(join(folder, "zone"), `${records.join("\n")}\n`);
  const made = await run("ldns-keygen", ["-a", "ECDSAP256SHA256", "-k", ZONE], { cwd: folder });
  const key = made.stdout.trim();
  await run("ldns-signzone", ["-n", "zone", key], { cwd: folder });
  const signed = await readFile(join(folder, "zone.signed"), "utf8");
  await writeFile(join(folder, "zone.signed"), signed.replace(/192\.0\.2\.6\b/, "192.0.2.66"));
  return startUnbound(t, {
    folder,
    ready: `www.${ZONE}`,
    server: [
      "ede: yes",
      'module-config: "validator iterator"',
      // The names of RFC 6761 are answered without looking, otherwise.
      'local-zone: "test." nodefault',
      `trust-anchor-file: "${folder}/${key}.key"`,
    ],
    rest: [
      "auth-zone:",
      `name: "${ZONE}"`,
      `zonefile: "${folder}/zone.signed"`,
      "for-upstream: yes",
      "for-downstream: no",
    ],
  });
}
