import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export const ZONE = "signed.example";

export interface SignedRoot {
  /** Of the root: what validators trust. */
  readonly anchor: string;
  /** Where the root is. */
  readonly hints: string;
  /** Of an unbound that serves both zones. */
  readonly config: string;
}

/** A root of our own and a zone below it, signed: `www` is right, `forged` was changed after it was signed. */
export async function signedRoot(folder: string, address: string): Promise<SignedRoot> {
  await mkdir(folder, { recursive: true });
  const zone = await sign(folder, ZONE, [`ns IN A ${address}`, "www IN A 192.0.2.1", "forged IN A 192.0.2.6"]);
  const text = await readFile(zone.path, "utf8");
  await writeFile(zone.path, text.replace(/192\.0\.2\.6\b/, "192.0.2.66"));
  const { stdout: ds } = await run("ldns-key2ds", ["-n", "-2", `${folder}/${zone.key}.key`]);
  const glue = [`ns.${ZONE}. IN A ${address}`, `${ZONE}. IN NS ns.${ZONE}.`, ds.trim()];
  const root = await sign(folder, ".", [`ns.root. IN A ${address}`, ...glue]);
  const hints = join(folder, "hints");
  await writeFile(hints, `. 3600000 NS ns.root.\nns.root. 3600000 A ${address}\n`);
  const config = join(folder, "root.conf");
  const served = [[".", root.path] as const, [ZONE, zone.path] as const].flatMap(([name, path]) => [
    "auth-zone:",
    `name: "${name}"`,
    `zonefile: "${path}"`,
    "for-downstream: yes",
    "for-upstream: no",
  ]);
  const server = ["server:", `interface: ${address}`, `directory: "${folder}"`, 'chroot: ""', 'username: ""'];
  const rest = ['pidfile: ""', "do-daemonize: no", "access-control: 0.0.0.0/0 allow", 'module-config: "iterator"'];
  const control = ["remote-control:", "control-enable: no"];
  await writeFile(config, [...server, ...rest, ...served, ...control, ""].join("\n"));
  return { anchor: `${folder}/${root.key}.key`, hints, config };
}

async function sign(
  folder: string,
  name: string,
  records: readonly string[],
): Promise<{ readonly path: string; readonly key: string }> {
  const file = name === "." ? "root" : name;
  const origin = name === "." ? "." : `${name}.`;
  const ns = name === "." ? "ns.root." : `ns.${name}.`;
  const head = [
    `$ORIGIN ${origin}`,
    "$TTL 300",
    `@ IN SOA ${ns} hostmaster.${ns} 1 3600 600 86400 60`,
    `@ IN NS ${ns}`,
  ];
  await writeFile(join(folder, file), `${[...head, ...records].join("\n")}\n`);
  const made = await run("ldns-keygen", ["-a", "ECDSAP256SHA256", "-k", name], { cwd: folder });
  const key = made.stdout.trim();
  await run("ldns-signzone", ["-n", file, key], { cwd: folder });
  return { path: join(folder, `${file}.signed`), key };
}
