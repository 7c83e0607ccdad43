import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { freeSubnet } from "#cli/setup/free-subnet.ts";
import packages from "#cli/setup/packages.json" with { type: "json" };
import { answersPing, startPrivateDockerd } from "#cli/setup/private-dockerd.ts";

const text = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: "utf8" });
const temp = mkdtempSync(`${tmpdir()}/lares-setup-test-`);
test.after.always(() => rmSync(temp, { recursive: true, force: true }));

test("the list of packages is complete in every row", (t) => {
  const row = v.strictObject({
    package: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9+.-]+$/)),
    files: v.pipe(v.array(v.pipe(v.string(), v.startsWith("/"))), v.minLength(1)),
    for: v.pipe(v.string(), v.minLength(5)),
    on: v.optional(v.picklist(["x64", "arm64"])),
  });
  const groups = v.parse(v.record(v.picklist(["run", "test", "guests", "bench"]), v.array(row)), packages);
  const names = Object.values(groups).flatMap((rows) => rows.map((each) => `${each.package} ${each.on ?? ""}`));
  t.deepEqual(names.toSorted(), [...new Set(names)].toSorted(), "no package twice");
});

test("a network for containers touches no route of the machine", (t) => {
  t.deepEqual(freeSubnet(""), { address: "10.213.0.1/24", subnet: "10.213.0.0/24" });
  const routes =
    "default via 192.0.2.1 dev eth0\n10.213.0.0/23 dev x proto kernel\nlocal 10.213.2.7 dev y table local\n10.213.4.0/24 dev z\n";
  t.is(freeSubnet(routes).subnet, "10.213.3.0/24");
  t.throws(() => freeSubnet("10.0.0.0/8 via 192.0.2.9 dev vpn\n"), { message: /no free network/ });
  fc.assert(
    // Ten routes of at most 16 networks each leave some of the 256 free.
    fc.property(fc.array(fc.tuple(fc.nat(255), fc.integer({ min: 20, max: 32 })), { maxLength: 10 }), (rows) => {
      const lines = rows.map(([third, prefix]) => `10.213.${third}.0/${prefix} dev x`);
      const { subnet } = freeSubnet(lines.join("\n"));
      const free = Number(subnet.split(".")[2]);
      for (const [third, prefix] of rows) {
        const wide = prefix < 24 ? 2 ** (24 - prefix) : 1;
        t.false(free >= third && free < third + wide, `${subnet} is inside ${third}/${prefix}`);
      }
    }),
  );
});

test("daemons that start at once have networks of their own", async (t) => {
  const daemons = await Promise.all([1, 2, 3].map((at) => startPrivateDockerd(`${temp}/at-once-${at}`)));
  t.teardown(() => Promise.all(daemons.map((each) => each.stop())));
  const gateways = daemons.map(({ host }) =>
    text("docker", "-H", host, "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Subnet}}").trim(),
  );
  t.is(new Set(gateways).size, 3, gateways.join(" "));
});

/** What of a daemon anyone could still see. */
function tracesOf(folder: string, runFolder: string): string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder) || line.includes(runFolder));
  const processes = text("ps", "-eo", "args")
    .split("\n")
    .filter((line) => line.includes(`--data-root=${folder}`) || line.includes(runFolder));
  const bridge = `lares${runFolder.slice(-6).toLowerCase()}`;
  const links = text("ip", "-o", "link")
    .split("\n")
    .filter((line) => line.includes(bridge));
  const tables = text("nft", "list", "tables")
    .split("\n")
    .filter((line) => line.includes(bridge));
  return [...mounts, ...processes, ...links, ...tables, ...(existsSync(runFolder) ? [runFolder] : [])];
}

test("a Docker daemon of our own leaves nothing, neither stopped nor killed", async (t) => {
  const folder = `${temp}/docker`;
  const first = await startPrivateDockerd(folder);
  t.teardown(first.stop);
  t.true(await answersPing(first.socket));
  const firstRun = first.socket.replace("/docker.sock", "");
  t.true(tracesOf(folder, firstRun).length >= 4, "the check below sees what there is to see");
  process.kill(first.pid, "SIGKILL");

  const second = await startPrivateDockerd(folder);
  t.teardown(second.stop);
  t.deepEqual(tracesOf(firstRun, firstRun), [], "the next start cleans up");
  await second.stop();
  t.deepEqual(tracesOf(folder, second.socket.replace("/docker.sock", "")), []);
  t.false(await answersPing(second.socket));
  t.true(existsSync(`${folder}/root`), "images stay");
});
