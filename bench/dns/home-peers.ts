import { execFile, fork, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import type { BenchContext } from "../harness.ts";

/** A DNS server that is measured. */
export interface Contender {
  readonly port: number;
  /** Processor time so far, in microseconds. */
  cpuUs(): Promise<number>;
}

export interface LaresContender extends Contender {
  tell(what: "buildMs" | "anonymousMb" | "reload"): Promise<number>;
  kill(): void;
}

/** `sharing`: others may listen at its port. */
export async function startLares(
  context: BenchContext,
  settings: object,
  { sharing = false, port = 0 }: { readonly sharing?: boolean; readonly port?: number } = {},
): Promise<LaresContender> {
  const folder = await context.tempDir();
  const listen = { addresses: [`127.0.0.1:${port}`] };
  await writeFile(`${folder}/dns.json`, JSON.stringify({ listen, ...settings }));
  const child = fork(new URL("home-server.ts", import.meta.url), [`${folder}/dns.json`, folder], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: { ...process.env, SHARING: sharing ? "yes" : "no" },
  });
  context.defer(() => {
    if (child.connected) child.disconnect();
  });
  const tell = async (what: string): Promise<number> => {
    child.send(what);
    const [figure] = (await once(child, "message")) as [number];
    return figure;
  };
  return { port: await tell("port"), cpuUs: () => tell("cpuUs"), tell, kill: () => void child.kill("SIGKILL") };
}

export async function startDnsmasq(context: BenchContext, words: readonly string[]): Promise<Contender> {
  const port = await freePort();
  const common = [
    "-k",
    "-R",
    "-h",
    "--bind-interfaces",
    "-a",
    "127.0.0.1",
    "-C",
    "/dev/null",
    "-u",
    "root",
    "--pid-file=",
  ];
  return startPeer(context, { program: "dnsmasq", argv: [...common, "-p", String(port), ...words], port });
}

/** `lines`: of its `server:` block; `rest`: other blocks. */
export async function startUnbound(context: BenchContext, lines: readonly string[], rest = ""): Promise<Contender> {
  const folder = await context.tempDir();
  const port = await freePort();
  const server = [
    "interface: 127.0.0.1",
    `port: ${port}`,
    "num-threads: 1",
    "do-daemonize: no",
    'chroot: ""',
    'username: ""',
  ];
  const plain = [`directory: "${folder}"`, 'pidfile: ""', "use-syslog: no", "access-control: 127.0.0.0/8 allow"];
  const text = ["server:", ...server, ...plain, ...lines, "remote-control:", "control-enable: no", rest].join("\n");
  await writeFile(`${folder}/unbound.conf`, text);
  return startPeer(context, { program: "unbound", argv: ["-c", `${folder}/unbound.conf`], port });
}

async function startPeer(
  context: BenchContext,
  { program, argv, port }: { readonly program: string; readonly argv: readonly string[]; readonly port: number },
): Promise<Contender> {
  const child = spawn(program, argv, { stdio: "ignore" });
  context.defer(() => void child.kill());
  while (!(await answers(port))) await setTimeout(100);
  return {
    port,
    cpuUs: async () => {
      const fields = (await readFile(`/proc/${child.pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10_000;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const query = Buffer.from("000001000001000000000000096c6f63616c686f73740000010001", "hex");
  socket.on("error", () => {});
  socket.send(query, port, "127.0.0.1");
  const heard = await Promise.race([once(socket, "message"), setTimeout(300)]);
  socket.close();
  return heard !== undefined;
}

/** Below those the kernel gives to clients. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Microseconds of processor time a query, under dnsperf's load for some seconds; `processes` share it, each with as much as one alone. */
export async function costOf(
  server: Contender,
  { file, seconds, processes = 1 }: { readonly file: string; readonly seconds: number; readonly processes?: number },
): Promise<number> {
  const before = await server.cpuUs();
  const argv = [
    "-s",
    "127.0.0.1",
    "-p",
    String(server.port),
    "-d",
    file,
    "-l",
    String(seconds),
    "-c",
    String(8 * processes),
    "-q",
    String(200 * processes),
  ];
  const { stdout } = await promisify(execFile)("dnsperf", argv, { maxBuffer: 1 << 24 });
  const completed = Number(/Queries completed:\s+(\d+)/.exec(stdout)?.[1]);
  return ((await server.cpuUs()) - before) / completed;
}
