import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import * as v from "valibot";
import { measureOf, type Bench, type BenchContext, type Contestant } from "./harness.ts";

const run = promisify(execFile);
const ROOT = new URL("..", import.meta.url).pathname;
const LOAD = new URL("./dhcp/load.ts", import.meta.url).pathname;
const RELAY = "10.8.0.2";
const SERVER = "10.8.0.1";
const POOL = "10.9.0.0-10.11.255.250";
const NETWORK = "10.8.0.0/14";
/** Exchanges under way: for the rate, and for the time each takes. */
const WINDOW = 200;
const CALM_WINDOW = 32;
const LoadSchema = v.object({ seconds: v.number(), p99: v.number(), duplicates: v.number(), retries: v.number() });

/** Wanted: durable four-way exchanges of 20,000 clients, beside Kea on the same wire, and 5,000 at once. */
export const bench: Bench = {
  name: "dhcp",
  title: "DHCP",
  async run(context) {
    if (process.getuid?.() !== 0) return { measures: [], notes: ["network namespaces are root's to make: not run"] };
    const wire = await openWire(context);
    const clients = context.quick ? 3000 : 20_000;
    const lares = await laresOn(wire, context);
    const kea = await keaOn(wire, context);
    const worst: number[] = [];
    const avalanche: number[] = [];
    const rate = (load: Load): number => clients / load.seconds;
    const turns: Contestant[] = [
      ...(kea === undefined
        ? []
        : [
            {
              name: "four-way exchanges: Kea, memfile",
              unit: "ops/s",
              better: "more",
              peer: true,
              turn: async () => rate(await kea(clients, WINDOW)),
            } as const,
          ]),
      {
        name: "four-way exchanges: lares, durable",
        unit: "ops/s",
        better: "more",
        ...(kea === undefined ? {} : { against: "four-way exchanges: Kea, memfile" }),
        target: { text: "≥ 5,000/s", atLeast: 5000 },
        async turn() {
          const load = await lares(clients, WINDOW);
          const calm = await lares(5000, CALM_WINDOW);
          worst.push(calm.p99);
          const crowd = await lares(5000, 5000);
          if (load.duplicates + calm.duplicates + crowd.duplicates > 0) throw new Error("an address was given twice");
          avalanche.push(crowd.seconds * 1000);
          return rate(load);
        },
      },
    ];
    const measures = await context.takeTurns(turns);
    return {
      measures: [
        ...measures,
        measureOf(
          { name: `p99 of an exchange, ${CALM_WINDOW} under way`, unit: "ms", better: "less" },
          ...worst.slice(1),
        ),
        measureOf({ name: "5,000 clients at once, all served", unit: "ms", better: "less" }, ...avalanche.slice(1)),
      ],
      notes: [
        `${clients} clients behind a relay, over a veth pair; the load has one processor, the server the other`,
        ...(kea === undefined ? ["kea-dhcp4 is not installed here: no comparison"] : []),
      ],
    };
  },
};

type Load = v.InferOutput<typeof LoadSchema>;
type Ask = (clients: number, window: number) => Promise<Load>;

interface Wire {
  readonly server: string;
  ask(clients: number, window: number): Promise<Load>;
}

/** Two namespaces and a wire between them. Every load is of clients nobody has seen. */
async function openWire(context: BenchContext): Promise<Wire> {
  const [server, clients] = [`ldb${process.pid}s`, `ldb${process.pid}c`];
  for (const name of [server, clients]) {
    await run("ip", ["netns", "add", name]);
    context.defer(() => void run("ip", ["netns", "del", name]));
    await run("ip", ["-n", name, "link", "set", "lo", "up"]);
  }
  await run("ip", ["-n", server, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", clients]);
  for (const [name, address] of [
    [server, SERVER],
    [clients, RELAY],
  ] as const) {
    await run("ip", ["-n", name, "addr", "add", `${address}/14`, "dev", "eth0"]);
    await run("ip", ["-n", name, "link", "set", "eth0", "up"]);
  }
  let first = 1;
  return {
    server,
    async ask(count, window) {
      const argv = [
        "netns",
        "exec",
        clients,
        process.execPath,
        LOAD,
        RELAY,
        SERVER,
        String(first),
        String(count),
        String(window),
      ];
      first += count;
      const { stdout } = await run("ip", argv, { timeout: 120_000 });
      return v.parse(LoadSchema, JSON.parse(stdout));
    },
  };
}

/** One server at a time has the port. */
async function whileRunning(child: ChildProcess, isReady: () => boolean, work: () => Promise<Load>): Promise<Load> {
  try {
    for (let i = 0; i < 300 && !isReady(); i++) {
      if (child.exitCode !== null) throw new Error("the server ended at its start");
      await setTimeout(50);
    }
    return await work();
  } finally {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

async function laresOn(wire: Wire, context: BenchContext): Promise<Ask> {
  const dir = await context.tempDir();
  const config = `${dir}/dhcp.json`;
  const subnet = { network: NETWORK, interface: "eth0", pools: [POOL] };
  await writeFile(
    config,
    JSON.stringify({
      leaseTime: "1h",
      domain: "lan",
      options: { router: SERVER, "dns-servers": SERVER },
      subnets: [subnet],
    }),
  );
  let turn = 0;
  return (clients, window) => {
    const argv = [
      "netns",
      "exec",
      wire.server,
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      `${ROOT}cli/main.ts`,
      "role",
      "dhcp",
    ];
    const env = { ...process.env, LARES_DHCP_CONFIG: config, LARES_DHCP_DIR: `${dir}/leases${turn++}` };
    const child = spawn("ip", argv, { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (data: Buffer) => (said += data.toString()));
    return whileRunning(
      child,
      () => said.includes("serving DHCP"),
      () => wire.ask(clients, window),
    );
  };
}

async function keaOn(wire: Wire, context: BenchContext): Promise<Ask | undefined> {
  if (!existsSync("/usr/sbin/kea-dhcp4")) return undefined;
  const dir = await context.tempDir();
  await mkdir(`${dir}/run`);
  const options = [
    { name: "routers", data: SERVER },
    { name: "domain-name-servers", data: SERVER },
    { name: "domain-name", data: "lan" },
  ];
  const Dhcp4 = {
    "interfaces-config": { interfaces: ["eth0"], "dhcp-socket-type": "udp" },
    "lease-database": { type: "memfile", persist: true, name: `${dir}/leases.csv`, "lfc-interval": 0 },
    "valid-lifetime": 3600,
    "option-data": options,
    subnet4: [{ subnet: NETWORK, pools: [{ pool: POOL }] }],
    loggers: [{ name: "kea-dhcp4", output_options: [{ output: "stdout" }], severity: "INFO" }],
  };
  await writeFile(`${dir}/kea.json`, JSON.stringify({ Dhcp4 }));
  return async (clients, window) => {
    // Each begins with nothing.
    await rm(`${dir}/leases.csv`, { force: true });
    const env = { ...process.env, KEA_PIDFILE_DIR: `${dir}/run`, KEA_LOCKFILE_DIR: `${dir}/run` };
    const child = spawn("ip", ["netns", "exec", wire.server, "/usr/sbin/kea-dhcp4", "-c", `${dir}/kea.json`], {
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let said = "";
    child.stdout.on("data", (data: Buffer) => {
      if (said.length < 100_000) said += data.toString();
    });
    return whileRunning(
      child,
      () => said.includes("DHCP4_STARTED"),
      () => wire.ask(clients, window),
    );
  };
}
