import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, createServer, request, type IncomingHttpHeaders } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import test from "ava";
import { WebSocket, WebSocketServer } from "ws";
import { freePort } from "#test/free-ports.ts";
import type { Instance } from "#base/client/templates/dependency.ts";
import { blamedBackends } from "#ingress/control/blame.ts";
import { ask, at, live, site, until, type Live } from "../live.ts";

function get(
  port: number,
  headers: Readonly<Record<string, string>>,
  agent?: Agent,
): Promise<{ readonly text: string; readonly headers: IncomingHttpHeaders }> {
  return new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path: headers["path"] ?? "/", headers, agent: agent ?? false },
      (response) => {
        let body = "";
        response.on("data", (data: Buffer) => (body += data.toString()));
        response.on("end", () => resolve({ text: `${response.statusCode} ${body}`, headers: response.headers }));
      },
    );
    asked.on("error", (error) => resolve({ text: error.message, headers: {} }));
    asked.end();
  });
}

const pidOf = async (running: Live): Promise<string> =>
  /\nPid: (\d+)/.exec(await running.socket("show info"))?.[1] ?? "";

test("instances come and go in the running process, under load, without a lost request; the file says what runs", async (t) => {
  t.timeout(180_000);
  const running = await live();
  const sites = await Promise.all(Array.from({ length: 4 }, (_, number) => site(`site ${number}`)));
  const web = (...which: readonly number[]): readonly Instance[] =>
    which.map((number) => at("web", sites[number]?.port ?? 0, ["lares.host=web.test"]));
  const seen = new Map<string, number>();
  let stop = false;
  const kept = new Agent({ keepAlive: true });
  try {
    running.catalog.set(web(0, 1, 2));
    await until("it serves", async () => (await get(running.port, { host: "web.test" })).text.startsWith("200"));
    const worker = await pidOf(running);
    const loops = Array.from({ length: 10 }, async (_, number) => {
      while (!stop) {
        const { text } = await get(running.port, { host: "web.test" }, number % 2 === 0 ? kept : undefined);
        seen.set(text, (seen.get(text) ?? 0) + 1);
      }
    });
    const serves = (number: number) =>
      until(`only ${number} serves`, async () =>
        (await Promise.all(Array.from({ length: 4 }, () => get(running.port, { host: "web.test" })))).every(
          ({ text }) => text === `200 site ${number}`,
        ),
      );
    for (let round = 0; round < 12; round++) {
      running.catalog.set(web(round % 4));
      await serves(round % 4);
    }
    t.is(await pidOf(running), worker, "not one reload");
    running.catalog.set([...web(3), at("other", sites[0]?.port ?? 0, ["lares.host=other.test"])]);
    await until(
      "a reload brought the new route",
      async () => (await get(running.port, { host: "other.test" })).text === "200 site 0",
    );
    await until("the new worker alone is asked", async () => !["", worker].includes(await pidOf(running)));
    stop = true;
    await Promise.all(loops);
    t.deepEqual(
      [...seen.keys()].filter((text) => !text.startsWith("200 site")),
      [],
    );

    const states = (await running.socket("show servers state")).split("\n").flatMap((line) => {
      const [, backend, , name, address, , admin, weight, , , , , , , , , , , port] = line.split(" ");
      return backend?.startsWith("web-") === true && admin === "0"
        ? [`${name} ${address}:${port} weight ${weight}`]
        : [];
    });
    const file = readFileSync(join(running.dir, "haproxy.cfg"), "utf8");
    const inFile = [...file.slice(file.indexOf("backend web-")).matchAll(/server (s\d+ \S+ weight \d+)$/gm)].map(
      (match) => match[1] ?? "",
    );
    t.deepEqual(
      states,
      inFile.filter((line) => line.includes(String(sites[3]?.port))),
    );

    running.catalog.set(web(3).map((one) => ({ ...one, passing: false })));
    await until("the page names the service", async () =>
      /^503 .*<b>web<\/b>/.test((await get(running.port, { host: "web.test" })).text),
    );
    t.true(
      readFileSync(join(running.dir, "access.log"), "utf8")
        .split("\n")
        // The last one may not be whole yet.
        .slice(0, -1)
        .filter((line) => line.startsWith("{"))
        .every((line) => typeof JSON.parse(line) === "object"),
    );
  } finally {
    stop = true;
    kept.destroy();
    await running.remove();
    for (const { server } of sites) server.close();
  }
});

test("a port that another program has costs its own route only, and is told", async (t) => {
  const running = await live();
  const squatter: Server = createTcpServer();
  const { port: web, server } = await site("web");
  try {
    await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
    const taken = Number(Object(squatter.address()).port);
    running.catalog.set([at("web", web, ["lares.path=/"]), at("db", web, [`lares.tcp=${taken}`])]);
    await until("the rest is served", async () => (await ask(running.port, "/")) === "200 web");
    const problem = (): string =>
      running.ingress.status().problems.find(({ service }) => service === "db")?.message ?? "";
    await until("its owner is told", async () => /HAProxy refuses tcp :\d+ : .*in use/.test(problem()));
    t.pass();
  } finally {
    squatter.close();
    server.close();
    await running.remove();
  }
});

test("a complaint is laid at the door of the backend it is about", (t) => {
  const text =
    "frontend web\n    use a\nbackend a-1\n    bad line\nbackend b-2\n    fine\nfrontend tcp-1\n    default_backend b-2\n";
  const names = new Set(["a-1", "b-2"]);
  t.deepEqual(blamedBackends("[ALERT] config : parsing [haproxy.cfg:4] : unknown keyword 'bad'", text, names), ["a-1"]);
  t.deepEqual(blamedBackends("[ALERT] parsing [/x/haproxy.cfg:8] : error", text, names), ["b-2"]);
  t.deepEqual(
    blamedBackends("[ALERT] Binding [/x/haproxy.cfg:7] for frontend tcp-1: cannot bind socket", text, names),
    ["b-2"],
  );
  t.deepEqual(blamedBackends("[ALERT] parsing [haproxy.cfg:2] : error", text, names), []);
});

function certificate(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), "lares-cert-"));
  const made = spawnSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      "key",
      "-subj",
      `/CN=${name}`,
      "-addext",
      `subjectAltName=DNS:${name}`,
      "-days",
      "2",
    ],
    { encoding: "utf8", cwd: dir },
  );
  const pem = made.stdout + readFileSync(join(dir, "key"), "utf8");
  rmSync(dir, { recursive: true });
  return pem;
}

test("HTTPS with certificates by name, HTTP/2, WebSocket, TLS by SNI, sticky sessions, redirections", async (t) => {
  t.timeout(180_000);
  const httpsPort = await freePort();
  const running = await live({ httpsPort });
  const shop = createServer((asked, response) => response.end(`${asked.headers["x-forwarded-proto"]} ${asked.url}`));
  new WebSocketServer({ server: shop }).on("connection", (socket) =>
    socket.on("message", (data: Buffer) => socket.send(`echo ${data.toString()}`)),
  );
  const pem = certificate("db.test");
  const raw = createTlsServer({ cert: pem, key: pem }, (socket) => socket.end("raw"));
  const portOf = async (server: Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address: AddressInfo | string | null = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  };
  const two = await Promise.all([site("one"), site("two")]);
  try {
    running.catalog.values.set("lares/ingress/certificates/shop", certificate("shop.test"));
    running.catalog.values.set("lares/ingress/certificates/other", certificate("other.test"));
    running.catalog.values.set("lares/ingress/certificates/broken", "-----BEGIN CERTIFICATE-----\nMII");
    running.catalog.set([
      at("shop", await portOf(shop), [
        "lares.host=shop.test",
        "lares.path=/x",
        "lares.strip=/x",
        "lares.old.host=old.test",
        "lares.old.redirect=301,https://shop.test$path",
      ]),
      at("db", await portOf(raw), [`lares.tcp=${httpsPort}`, "lares.sni=db.test"]),
      ...two.map(({ port }) => at("pair", port, ["lares.host=pair.test", "lares.sticky=who"])),
    ]);
    const named = (servername: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ host: "127.0.0.1", port: httpsPort, servername, rejectUnauthorized: false }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
        socket.on("error", (error) => resolve(error.message));
      });
    await until(
      "certificates by name",
      async () => (await named("shop.test")) === "shop.test" && (await named("other.test")) === "other.test",
    );
    // Certificates may be there a moment before the routes are.
    await until("passed through, by its name", async () => (await named("db.test")) === "db.test");
    await until("the broken one is told", async () =>
      running.ingress.status().problems.some(({ message }) => /certificate "broken" cannot be read/.test(message)),
    );

    const session = connectHttp2("https://127.0.0.1", {
      createConnection: () =>
        connectTls({
          host: "127.0.0.1",
          port: httpsPort,
          servername: "shop.test",
          ALPNProtocols: ["h2"],
          rejectUnauthorized: false,
        }),
    });
    const stream = session.request({ ":path": "/x/y?z=1", ":authority": "shop.test" });
    let body = "";
    stream.on("data", (data: Buffer) => (body += data.toString()));
    await new Promise((resolve) => stream.on("end", resolve));
    session.close();
    t.is(body, "https /y?z=1");

    const socket = new WebSocket(`ws://127.0.0.1:${running.port}/x/socket`, { headers: { host: "shop.test" } });
    const echoed = await new Promise<string>((resolve, reject) => {
      socket.on("open", () => socket.send("hello"));
      socket.on("message", (data: Buffer) => resolve(data.toString()));
      socket.on("error", reject);
    });
    socket.close();
    t.is(echoed, "echo hello");

    t.is((await get(running.port, { host: "old.test", path: "/a?b=c" })).headers.location, "https://shop.test/a?b=c");
    const first = await get(running.port, { host: "pair.test" });
    const cookie = String(first.headers["set-cookie"]).split(";")[0] ?? "";
    t.regex(cookie, /^who=/);
    const again = await Promise.all(Array.from({ length: 6 }, () => get(running.port, { host: "pair.test", cookie })));
    t.deepEqual([...new Set(again.map(({ text }) => text))], [first.text]);
  } finally {
    await running.remove();
    shop.close();
    raw.close();
    for (const { server } of two) server.close();
  }
});
