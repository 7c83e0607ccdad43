import { readFileSync } from "node:fs";
import test from "ava";
import { Lab, until } from "#test/daemons/router/lab.ts";
import { signedRoot, ZONE } from "./signed-root.ts";

/** Network namespaces are root's to make. */
const lab = process.getuid?.() === 0 ? test : test.skip;

const MAIN = new URL("../../../cli/main.ts", import.meta.url).pathname;
const PACK = new URL("../../../packs/dns/dns.nomad.hcl", import.meta.url).pathname;
const LARES = [process.execPath, "--disable-warning=ExperimentalWarning", MAIN];
const ROOT = "192.0.2.53";
/** Runs a program that takes two other files for the root's key and hints; nobody else sees them. */
const WITH_OWN_ROOT =
  'mount --bind "$1" /usr/share/dns/root.key && mount --bind "$2" /usr/share/dns/root.hints && shift 2 && exec "$@"';

lab("the pack's validator, by a root of our own: signed is authentic, forged is not answered", async (t) => {
  const house = new Lab(t);
  house.ip("house", `address add ${ROOT}/32 dev lo`);
  const root = await signedRoot(`${house.dir}/root`, ROOT);
  house.start("house", "unbound", "-d", "-c", root.config);
  const config = house.write(
    "agent.hcl",
    `data_dir = "${house.dir}/data"\nbind_addr = "127.0.0.1"\nserver { enabled = true }
client {\n  enabled = true\n  network_interface = "lo"\n}
plugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}
plugin "docker" {\n  config {\n    endpoint = "unix:///nonexistent/docker.sock"\n  }\n}\n`,
  );
  // Everything as the pack has it, but for unbound's isolation, which asks more of a machine than each has where tests run.
  const pack = house.write(
    "dns.nomad.hcl",
    readFileSync(PACK, "utf8").replace('driver = "exec"', 'driver = "raw_exec"'),
  );
  const apart = ["unshare", "-m", "--propagation", "private", "sh", "-c", WITH_OWN_ROOT, "sh", root.anchor, root.hints];
  const agent = house.start("house", ...apart, ...LARES, "agent", "-config", config);
  let said = "";
  for (const stream of [agent.stdout, agent.stderr]) stream?.on("data", (data: Buffer) => (said += data.toString()));
  const dig = async (...words: readonly string[]) => (await house.run("house", "dig", "@127.0.0.1", ...words)).stdout;
  await until("the agent takes the job", async () => {
    if (agent.exitCode !== null) throw new Error(said);
    const ran = await house.run("house", ...LARES, "job", "run", "-detach", "-var", "validate=true", pack);
    return ran.code === 0 ? true : undefined;
  });
  let signed = "";
  await until("the signed name is authentic", async () => {
    signed = await dig("+dnssec", "+time=2", "+tries=1", `www.${ZONE}`);
    return /flags:[^;]* ad[ ;]/.test(signed);
  });
  t.regex(signed, /192\.0\.2\.1\b/);
  const forged = await dig("+dnssec", `forged.${ZONE}`);
  t.regex(forged, /status: SERVFAIL/);
  t.regex(forged, /EDE: 6 \(DNSSEC Bogus\)/);
  t.regex(await dig("+cd", `forged.${ZONE}`), /192\.0\.2\.66/);
  t.regex(await dig("+dnssec", `nobody.${ZONE}`), /status: NXDOMAIN[^]*flags:[^;]* ad[ ;]/);
  t.is((await house.run("house", ...LARES, "job", "stop", "-purge", "dns")).code, 0);
});
