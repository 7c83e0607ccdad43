import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { AppendFile } from "#base/env/disk.ts";
import { DiskError } from "#base/env/disk.ts";
import type { Env } from "#base/env/env.ts";
import { createEnv } from "#base/platform/create-env.ts";
import type { Lease } from "#daemons/dhcp/leases/lease.ts";
import { LeaseTable } from "#daemons/dhcp/leases/lease-table.ts";
import { formatIpv4 } from "#daemons/dhcp/packet/ipv4.ts";
import { INFINITE_MS } from "#daemons/dhcp/settings/settings.ts";
import { compileSettings } from "#daemons/dhcp/settings/compile.ts";
import { GroupCommit } from "#daemons/dhcp/store/group-commit.ts";
import { LeaseLog } from "#daemons/dhcp/store/lease-log.ts";
import { createLocalKeeper } from "#daemons/dhcp/store/local-keeper.ts";
import { encodeLine, readLines } from "#daemons/dhcp/store/log-lines.ts";
import { changedDisk } from "../../../changed-disk.ts";
import { ip } from "../packets.ts";

function folder(t: ExecutionContext): string {
  const dir = mkdtempSync(join(tmpdir(), "lares-dhcp-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function quietEnv(t: ExecutionContext): Env {
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  return env;
}

function lease(address: string, more: Partial<Lease> = {}): Lease {
  const base = {
    subnet: "10.0.0.0/16",
    client: `hw:01${address}`,
    mac: "",
    name: "",
    vendor: "",
    state: "bound",
  } as const;
  return { ip: ip(address), ...base, startMs: 1, endMs: 1000, ...more };
}

const shown = (leases: Iterable<Lease>): string[] =>
  [...leases].map((each) => `${formatIpv4(each.ip)} ${each.client} ${each.state} ${each.endMs}`).toSorted();

test("what was appended is there after a restart: newest state, dropped ones gone", async (t) => {
  const [env, dir] = [quietEnv(t), folder(t)];
  const { log } = await LeaseLog.open(env, dir);
  await log.append([{ put: lease("10.0.0.1") }, { put: lease("10.0.0.2", { endMs: INFINITE_MS }) }]);
  await log.append([{ put: lease("10.0.0.1", { state: "released" }) }, { drop: ip("10.0.0.2"), text: "10.0.0.2" }]);
  await log.append([{ put: lease("10.0.0.3", { name: "nas", mac: "02:00:00:00:00:01", endMs: INFINITE_MS }) }]);
  await log.close();
  const again = await LeaseLog.open(env, dir);
  await again.log.close();
  t.deepEqual(shown(again.leases.values()), [
    "10.0.0.1 hw:0110.0.0.1 released 1000",
    `10.0.0.3 hw:0110.0.0.3 bound ${INFINITE_MS}`,
  ]);
  t.is(again.leases.get(ip("10.0.0.3"))?.name, "nas");
});

test("power cut at every byte of the log: what was acknowledged is there, the rest whole or not at all", async (t) => {
  const [env, dir] = [quietEnv(t), folder(t)];
  const { log } = await LeaseLog.open(env, dir);
  const acknowledged: number[] = [];
  const path = join(dir, "leases.1.log");
  for (let i = 0; i < 6; i++) {
    await log.append([{ put: lease(`10.0.0.${i}`) }, { put: lease(`10.0.1.${i}`) }]);
    acknowledged.push(readFileSync(path).length);
  }
  await log.close();
  const whole = readFileSync(path);
  for (let cut = 0; cut <= whole.length; cut++) {
    writeFileSync(path, whole.subarray(0, cut));
    const opened = await LeaseLog.open(env, dir);
    const groups = acknowledged.filter((size) => size <= cut).length;
    if (opened.leases.size !== groups * 2) t.fail(`cut at ${cut}: ${opened.leases.size} leases, not ${groups * 2}`);
    // And it goes on from there.
    if (cut % 97 === 0) await opened.log.append([{ put: lease("10.0.9.9") }]);
    await opened.log.close();
    if (cut % 97 !== 0) continue;
    const again = await LeaseLog.open(env, dir);
    t.is(again.leases.size, groups * 2 + 1);
    await again.log.close();
  }
});

test("a line in the middle that does not read loses itself and nothing else", (t) => {
  const lines = [1, 2, 3].map((n) => encodeLine([{ put: lease(`10.0.0.${n}`) }]));
  const bytes = Buffer.concat(lines);
  bytes[(lines[0]?.length ?? 0) + 30] = 0x58;
  const read = readLines(bytes);
  t.is(read.entries.length, 2);
  t.is(read.broken, 1);
  t.is(read.size, bytes.length);
});

test("a log that grew is folded: one snapshot, a fresh log, nothing lost", async (t) => {
  const [env, dir] = [quietEnv(t), folder(t)];
  const opened = await LeaseLog.open(env, dir);
  const leases = new Map<number, Lease>();
  const fill = "x".repeat(500);
  for (let round = 0; round < 30; round++) {
    const group = Array.from({ length: 100 }, (_, i) => lease(`10.0.${i % 4}.${i}`, { endMs: round, vendor: fill }));
    await opened.log.append(group.map((put) => ({ put })));
    for (const each of group) leases.set(each.ip, each);
    await opened.log.foldWhereDue(() => leases.values());
  }
  await opened.log.close();
  t.deepEqual(readdirSync(dir).toSorted(), ["leases.2.log", "leases.snap"]);
  const again = await LeaseLog.open(env, dir);
  await again.log.close();
  t.deepEqual(shown(again.leases.values()), shown(leases.values()));
});

/** A disk on which what is planted happens to appends and syncs. */
function troubled(env: Env, trouble: { append?: boolean; sync?: boolean }): Env {
  const fail = (wrong: boolean | undefined, action: string): void => {
    if (wrong === true) throw new DiskError("ENOSPC", action, "the log");
  };
  const openAppend = async (path: string): Promise<AppendFile> => {
    const file = await env.disk.openAppend(path);
    return {
      get size() {
        return file.size;
      },
      async append(data) {
        if (trouble.append === true) await file.append(data.subarray(0, data.length / 2));
        fail(trouble.append, "write");
        await file.append(data);
      },
      async sync() {
        fail(trouble.sync, "sync");
        await file.sync();
      },
      close: () => file.close(),
    };
  };
  return { ...env, disk: changedDisk(env.disk, { openAppend }) };
}

test("a full disk: nobody is told, nothing half stays, and it goes on when there is room", async (t) => {
  const [env, dir] = [quietEnv(t), folder(t)];
  const settings = compileSettings({ subnets: [{ network: "10.0.0.0/16" }] });
  if (!settings.ok) return t.fail(settings.error.message);
  const table = new LeaseTable(settings.value);
  const trouble: { append?: boolean; sync?: boolean } = {};
  const { log } = await LeaseLog.open(troubled(env, trouble), dir);
  const keeper = createLocalKeeper({ env, log, leases: () => table.leases() });
  const keep = (address: string) => keeper.keep({ lease: lease(address), before: undefined, event: "granted" });
  t.is(await keep("10.0.0.1"), "kept");
  trouble.append = true;
  t.is(await keep("10.0.0.2"), "failed");
  trouble.append = false;
  trouble.sync = true;
  t.is(await keep("10.0.0.3"), "failed");
  trouble.sync = false;
  t.deepEqual(await Promise.all(["10.0.0.4", "10.0.0.5"].map(keep)), ["kept", "kept"]);
  await keeper.close();
  const again = await LeaseLog.open(env, dir);
  await again.log.close();
  t.deepEqual([...again.leases.keys()].map(formatIpv4), ["10.0.0.1", "10.0.0.4", "10.0.0.5"]);
});

test("many changes at once are one write; past the limit they are refused", async (t) => {
  const groups: number[] = [];
  const group = new GroupCommit<number, string>({
    limit: 10,
    refused: "refused",
    write: async (items) => {
      groups.push(items.length);
      await new Promise((resolve) => setImmediate(resolve));
      return items.map(String);
    },
  });
  const results = await Promise.all(Array.from({ length: 12 }, (_, i) => group.add(i)));
  t.deepEqual(results.slice(8), ["8", "9", "refused", "refused"]);
  t.deepEqual(groups, [10]);
  await group.idle();
});
