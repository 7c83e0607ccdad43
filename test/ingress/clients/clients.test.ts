import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import test from "ava";
import { freePort } from "#test/free-ports.ts";
import { at, live, site, until } from "../live.ts";
import { signed } from "./signed.ts";

const run = promisify(execFile);
/** Debian's, which has the library (python3-grpcio). */
const PYTHON = "/usr/bin/python3";
const greeter = new URL("greeter.py", import.meta.url).pathname;

const ALL = {
  unary: "hello you",
  first: "yes",
  last: "yes",
  stream: 500,
  echo: ["A", "B", "C"],
  total: "2000000",
  refused: ["FAILED_PRECONDITION", "not now, 100 %"],
};

test("gRPC by Google's library: all kinds of calls, metadata, trailers and errors, in the clear and over TLS", async (t) => {
  t.timeout(180_000);
  const dir = mkdtempSync(join(tmpdir(), "lares-grpc-"));
  const server = spawn(PYTHON, [greeter, "serve"], { stdio: ["pipe", "pipe", "inherit"] });
  const httpsPort = await freePort();
  const running = await live({ httpsPort });
  t.teardown(async () => {
    server.stdin.end();
    await running.remove();
    rmSync(dir, { recursive: true });
  });
  const port = await new Promise<number>((resolve) =>
    createInterface(server.stdout).once("line", (line) => resolve(Number(line))),
  );
  const { ca, pem } = await signed("rpc.test");
  writeFileSync(join(dir, "ca.pem"), ca);
  running.catalog.values.set("lares/ingress/certificates/rpc", pem);
  running.catalog.set([at("rpc", port, ["lares.host=rpc.test", "lares.path=/lares.Greeter/", "lares.proto=grpc"])]);
  const ask = async (target: number, ...more: readonly string[]): Promise<unknown> => {
    const words = [greeter, "ask", `127.0.0.1:${target}`, "rpc.test", ...more];
    const { stdout } = await run(PYTHON, words).catch(() => ({ stdout: "null" }));
    return JSON.parse(stdout);
  };
  await until("it serves", async () => (await ask(running.port)) !== null, 60_000);
  t.deepEqual(await ask(running.port), ALL);
  const authority = join(dir, "ca.pem");
  await until("it serves by TLS, too", async () => (await ask(httpsPort, authority)) !== null);
  t.deepEqual(await ask(httpsPort, authority), ALL);
});

test("slow start: a server that comes gets its part little by little", async (t) => {
  t.timeout(180_000);
  const [one, two] = [await site("one"), await site("two")];
  const running = await live();
  t.teardown(async () => {
    await running.remove();
    for (const { server } of [one, two]) server.close();
  });
  const tags = ["lares.path=/", "lares.slow-start=8s"];
  running.catalog.set([at("web", one.port, tags)]);
  /** Weight in force of the server at a port, as HAProxy counts. */
  const weightOf = async (port: number): Promise<number> => {
    const rows = (await running.socket("show stat")).split("\n").map((line) => line.split(","));
    const columns = rows[0] ?? [];
    const row = rows.find((each) => each[columns.indexOf("addr")] === `127.0.0.1:${port}`);
    return Number(row?.[columns.indexOf("weight")] ?? 0);
  };
  await until("the first serves", async () => (await weightOf(one.port)) > 0);
  const whole = await weightOf(one.port);
  running.catalog.set([at("web", one.port, tags), at("web", two.port, tags)]);
  const seen: number[] = [];
  await until("the second has its whole part", async () => {
    const now = await weightOf(two.port);
    if (now > 0 && now !== seen.at(-1)) seen.push(now);
    return now === whole;
  });
  t.log(seen.join(" "));
  t.true(seen.length >= 3, `${seen.join(" ")}: in steps`);
  t.true((seen[0] ?? whole) < whole * 0.7, "it begins with little");
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  t.is(await weightOf(one.port), whole, "the other has what it had");
});
