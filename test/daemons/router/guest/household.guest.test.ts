import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { build } from "esbuild";
import { sourceRoot } from "#base/platform/embedded/files.ts";
import { debianKernel } from "./debian-kernel.ts";
import { runInGuest } from "./guest.ts";

/** Emulated, on a machine that has other things to do. */
const LONGEST_MS = 1_600_000;

test("PPPoE on a VLAN with prefixes that change, CAKE, WireGuard, the time: a household under Debian's kernel", async (t) => {
  t.timeout(LONGEST_MS);
  const kernel = debianKernel();
  const dir = mkdtempSync(join(tmpdir(), "lares-router-guest-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const lares = join(dir, "lares.cjs");
  // One file: an emulated machine takes half a minute to read and strip a thousand.
  await build({
    entryPoints: [`${sourceRoot()}/cli/main.ts`],
    outfile: lares,
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["*.node"],
    define: { "import.meta.url": '"file:///lares"' },
    logLevel: "error",
  });
  const here = `${sourceRoot()}/test/daemons/router/guest`;
  const script = join(dir, "run.sh");
  const words = { node: process.execPath, lares, configuration: `${here}/household.hcl` };
  const set = Object.entries(words).map(([name, value]) => `${name}='${value}'`);
  writeFileSync(script, `${set.join("\n")}\n. ${here}/household.sh\n`);
  const onLine = (line: string): void => {
    if (line.startsWith("[")) t.log(line.trimEnd());
  };
  const lines = await runInGuest(kernel, script, { onLine });
  const found = new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^\[[\d.]+\] ([^:]+): (.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
  const all = lines.join("\n");
  const is = (name: string, value: string): void => void t.is(found.get(name), value, `${name}\n${all}`);
  for (const name of ["start", "pppoe", "nat", "download", "wireguard", "ntp", "hung up", "redialled"]) is(name, "yes");
  for (const name of ["prefix", "ipv6 out", "new prefix", "new prefix out", "old prefix given up"]) is(name, "yes");
  t.regex(found.get("address") ?? "", /^10\.64\.0\.10\d$/);
  t.true(Number(found.get("cake down")) > 300 * 1024, "what was downloaded went through the queue");
  t.true(Number(found.get("cake up")) > 0);
  is("cake after", "1");
  is("wrong vlan", "no");
  is("secret seen", "no");
});
