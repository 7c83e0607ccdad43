import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import * as v from "valibot";
import { openCuttable, type Cuttable } from "#test/daemons/dhcp/server/cuttable.ts";
import { openKv } from "#test/daemons/dhcp/server/kv-socket.ts";
import { Lab, until } from "#test/daemons/dhcp/server/lab.ts";
import { measureOf, type Bench, type BenchContext } from "./harness.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const CLIENTS = new URL("./home-failover/clients.ts", import.meta.url).pathname;
const NAMES = ["s1", "s2"] as const;
/** Long enough for whoever was served by the dead one to ask again, and again. */
const WATCH_MS = 5000;
const CALM_MS = 1000;
const TELLING = { unit: "ms", better: "less" } as const;

const LineSchema = v.object({
  what: v.picklist(["dhcp", "dns", "unanswered"]),
  beganMs: v.number(),
  tookMs: v.number(),
});
type Line = v.InferOutput<typeof LineSchema>;
type Server = Awaited<ReturnType<Lab["serve"]>>;

/** One of two machines with DNS and DHCP is killed, and what clients notice of it. */
export const bench: Bench = {
  name: "home-failover",
  title: "A household's DNS and DHCP: one of two instances killed",
  async run(context) {
    if (process.getuid?.() !== 0) return { measures: [], notes: ["network namespaces are root's to make: not run"] };
    const house = await openHouse(context);
    const rounds = context.quick ? 2 : Math.max(3, context.rounds);
    const killed: Seen[] = [];
    const withStore: Seen[] = [];
    for (let round = 0; round < rounds; round++) {
      killed.push(await house.lose({ store: false }));
      withStore.push(await house.lose({ store: true }));
    }
    const all = [...killed, ...withStore];
    return {
      measures: [
        row(
          "DHCP: first newcomer after the kill served",
          { target: { text: "≤ 1 s", atMost: 1000 } },
          killed,
          "firstMs",
        ),
        row(
          "DHCP: the slowest newcomer after the kill",
          { target: { text: "≤ 1 s", atMost: 1000 } },
          killed,
          "slowestMs",
        ),
        row("DHCP: the slowest of those under way", {}, killed, "caughtMs"),
        row("DHCP: first newcomer, the store silent too", {}, withStore, "firstMs"),
        row("DHCP: the slowest newcomer, the store silent too", {}, withStore, "slowestMs"),
        measureOf(
          {
            name: "questions and newcomers nobody answered",
            unit: "requests",
            better: "less",
            target: { text: "none", atMost: 0 },
          },
          ...all.map(({ unanswered }) => unanswered),
        ),
      ],
      notes: [
        "two instances and their clients in network namespaces, leases shared through the cluster's keys; 50 newcomers and 50 questions a second; " +
          "a question goes to the dead server first and after a second to the other",
      ],
    };
  },
};

interface Seen {
  readonly firstMs: number;
  readonly slowestMs: number;
  readonly caughtMs: number;
  readonly unanswered: number;
}

function row(
  name: string,
  more: { readonly target?: { readonly text: string; readonly atMost: number } },
  seen: readonly Seen[],
  which: "firstMs" | "slowestMs" | "caughtMs",
) {
  return measureOf({ ...TELLING, ...more, name }, ...seen.map((each) => each[which]));
}

async function openHouse(context: BenchContext) {
  const lab = await Lab.open({ teardown: (end) => context.defer(end) }, "f");
  const cluster = await openKv(lab.dir);
  context.defer(() => cluster.close());
  const ways = new Map<string, Cuttable>();
  for (const [at, name] of NAMES.entries()) {
    await lab.host(name, `192.168.77.${at + 1}/16`);
    const way = await openCuttable(join(lab.dir, `${name}.sock`), cluster.socketPath);
    context.defer(() => way.close());
    ways.set(name, way);
  }
  await lab.host("c", "192.168.77.90/16");
  await lab.in("c", ["ip", "route", "add", "default", "dev", "eth0"]);
  const start = async (name: string): Promise<readonly Server[]> => [
    await startDhcp(lab, name, ways),
    await startDns(lab, name),
  ];
  const running = new Map<string, readonly Server[]>();
  for (const name of NAMES) running.set(name, await start(name));
  const lines = listen(lab);
  await until("clients are served", () => lines.some(({ what }) => what === "dhcp"));
  return {
    /** The first machine dies, and comes back. */
    async lose({ store }: { readonly store: boolean }): Promise<Seen> {
      lines.length = 0;
      await setTimeout(CALM_MS);
      const cutMs = performance.timeOrigin + performance.now();
      if (store) for (const way of ways.values()) way.cut();
      for (const server of running.get("s1") ?? []) server.kill("SIGKILL");
      await setTimeout(WATCH_MS);
      const seen = look(lines, cutMs);
      for (const way of ways.values()) way.mend();
      for (const server of running.get("s1") ?? [])
        if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
      running.set("s1", await start("s1"));
      await setTimeout(CALM_MS);
      return { ...seen, unanswered: lines.filter(({ what }) => what === "unanswered").length };
    },
  };
}

function look(lines: readonly Line[], cutMs: number): Omit<Seen, "unanswered"> {
  const served = lines.filter(({ what, beganMs, tookMs }) => what === "dhcp" && beganMs + tookMs > cutMs);
  const after = served.filter(({ beganMs }) => beganMs > cutMs);
  const caught = served.filter(({ beganMs }) => beganMs <= cutMs);
  const most = (some: readonly Line[]): number => Math.max(0, ...some.map(({ tookMs }) => tookMs));
  return {
    firstMs: Math.min(WATCH_MS, ...after.map(({ beganMs, tookMs }) => beganMs + tookMs - cutMs)),
    slowestMs: most(after),
    caughtMs: most(caught),
  };
}

async function startDhcp(lab: Lab, name: string, ways: ReadonlyMap<string, Cuttable>): Promise<Server> {
  const pool = { network: "192.168.0.0/16", interface: "eth0", pools: ["192.168.100.0-192.168.250.255"] };
  const settings = { leaseTime: "1h", probe: false, options: { router: "self" }, subnets: [pool] };
  const server = await lab.serve(name, settings, { LARES_DHCP_CLUSTER: `unix://${ways.get(name)?.socketPath ?? ""}` });
  await until("leases are shared", () => server.said().includes("leases are shared"));
  return server;
}

async function startDns(lab: Lab, name: string): Promise<Server> {
  const config = join(lab.dir, `${name}.hcl`);
  const address = `192.168.77.${name === "s1" ? 1 : 2}`;
  const local = 'local {\n  domain = "lan"\n  records = [{ name = "pc.lan", type = "A", value = "192.168.77.5" }]\n}';
  writeFileSync(config, `listen {\n  addresses = ["${address}:53"]\n}\n${local}\n`);
  const server = lab.start(
    name,
    [process.execPath, "--disable-warning=ExperimentalWarning", `${ROOT}cli/main.ts`, "role", "dns"],
    {
      LARES_DNS_CONFIG: config,
      LARES_DNS_DIR: join(lab.dir, `${name}-dns`),
    },
  );
  await until(`${name} resolves`, async () => {
    const said = await lab.in(name, ["dig", `@${address}`, "+short", "+time=1", "+tries=1", "pc.lan"]).catch(() => "");
    return said.trim() === "192.168.77.5";
  });
  return server;
}

function listen(lab: Lab): Line[] {
  const lines: Line[] = [];
  const clients = lab.start("c", [process.execPath, CLIENTS, "192.168.77.90", "192.168.77.1", "192.168.77.2"]);
  if (clients.stdout !== null)
    createInterface({ input: clients.stdout }).on("line", (line) => lines.push(v.parse(LineSchema, JSON.parse(line))));
  return lines;
}
