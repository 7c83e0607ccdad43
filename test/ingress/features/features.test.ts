import { execFile, spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer, request, type IncomingMessage } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect as connectTcp, createServer as createTcpServer, type Server } from "node:net";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { freePort } from "#test/free-ports.ts";
import { makeCertificate } from "#base/language/x509/certificate.ts";
import { makeEcKey } from "#base/platform/ec-key.ts";
import { at, live, site, until } from "../live.ts";

const run = promisify(execFile);

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

function ask(port: number, headers: Readonly<Record<string, string>>, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, method, path: "/", headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (data: Buffer) => (text += data.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function open(t: ExecutionContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  return Number(Object(server.address()).port);
}

interface Maker {
  readonly key: string;
  make(name: string, key: string): string;
  readonly certificate: string;
}

async function authority(name: string): Promise<Maker> {
  const key = await makeEcKey();
  const made = (commonName: string, own: string, issuer: Parameters<typeof makeCertificate>[0]["issuer"]): string =>
    makeCertificate({
      commonName,
      fromMs: Date.now() - 3_600_000,
      toMs: Date.now() + 86_400_000,
      serial: Uint8Array.of(1, Math.floor(performance.now()) % 250),
      addresses: [],
      names: issuer === undefined ? [] : [commonName],
      isAuthority: issuer === undefined,
      key: createPrivateKey(own),
      issuer,
    }) ?? "";
  const certificate = made(name, key, undefined);
  const issuer = { certificate: new X509Certificate(certificate).raw, key: createPrivateKey(key) };
  return { key, certificate, make: (host, own) => made(host, own, issuer) };
}

test("who may, how often, from where: passwords, addresses, rates, other sites' scripts, shares", async (t) => {
  t.timeout(180_000);
  const running = await live();
  t.teardown(() => running.remove());
  const [old, fresh] = [await site("old"), await site("new")];
  t.teardown(() => void (old.server.close(), fresh.server.close()));
  const hash = spawnSync("openssl", ["passwd", "-6", "secret"], { encoding: "utf8" }).stdout.trim();
  running.catalog.set([
    at("auth", old.port, ["lares.host=auth.test", `lares.user=me:${hash}`]),
    at("allowed", old.port, ["lares.host=allowed.test", "lares.allow=127.0.0.0/8"]),
    at("inside", old.port, ["lares.host=inside.test", "lares.allow=10.0.0.0/8"]),
    at("outside", old.port, ["lares.host=outside.test", "lares.deny=127.0.0.1"]),
    at("rated", old.port, ["lares.host=rated.test", "lares.rate=3/1m"]),
    at("cors", old.port, ["lares.host=cors.test", "lares.cors-origin=https://a.test", "lares.cors-credentials=true"]),
    at("mixed", old.port, ["lares.host=mixed.test"]),
    at("mixed", fresh.port, ["lares.host=mixed.test", "lares.share=20%"]),
  ]);
  const { port } = running;
  await until(
    "it serves",
    async () => (await ask(port, { host: "mixed.test" }).catch(() => undefined))?.status === 200,
  );
  const login = (word: string): Record<string, string> => ({
    host: "auth.test",
    authorization: `Basic ${Buffer.from(`me:${word}`).toString("base64")}`,
  });
  t.is((await ask(port, { host: "auth.test" })).status, 401);
  t.is((await ask(port, login("wrong"))).status, 401);
  t.is((await ask(port, login("secret"))).status, 200);
  t.is((await ask(port, { host: "allowed.test" })).status, 200);
  t.is((await ask(port, { host: "inside.test" })).status, 403);
  t.is((await ask(port, { host: "outside.test" })).status, 403);
  const rated: number[] = [];
  for (let turn = 0; turn < 5; turn++) rated.push((await ask(port, { host: "rated.test" })).status);
  t.deepEqual(rated, [200, 200, 200, 429, 429]);
  const preflight = { host: "cors.test", origin: "https://a.test", "access-control-request-method": "PUT" };
  const allowed = await ask(port, preflight, "OPTIONS");
  t.is(allowed.status, 204);
  t.is(allowed.headers["access-control-allow-origin"], "https://a.test");
  t.is(allowed.headers["access-control-allow-credentials"], "true");
  const other = await ask(port, { host: "cors.test", origin: "https://b.test" });
  t.is(other.headers["access-control-allow-origin"], undefined);
  const said: string[] = [];
  for (let turn = 0; turn < 100; turn++) said.push((await ask(port, { host: "mixed.test" })).text);
  const part = said.filter((text) => text === "new").length;
  t.true(part >= 17 && part <= 23, `${part} of 100`);
});

test("certificates of clients and of servers, by the authorities in the store; gRPC's trailers over HTTP/2", async (t) => {
  t.timeout(180_000);
  const httpsPort = await freePort();
  const running = await live({ httpsPort });
  t.teardown(() => running.remove());
  const [ours, theirs, key] = [await authority("Ours"), await authority("Theirs"), await makeEcKey()];
  const host = `${ours.make("shop.test", key)}${key}`;
  const inner = createHttpsServer({ cert: theirs.make("inner.test", key), key }, (_asked, answer) =>
    answer.end("inner"),
  );
  const rpc = createHttp2Server().on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end("message");
  });
  const { port: web, server } = await site("web");
  t.teardown(() => server.close());
  const innerPort = await open(t, inner);
  const rpcPort = await open(t, rpc);
  const { values } = running.catalog;
  values.set("lares/ingress/certificates/shop", host);
  values.set("lares/ingress/ca/ours", ours.certificate);
  values.set("lares/ingress/ca/theirs", theirs.certificate);
  running.catalog.set([
    at("shop", web, ["lares.host=shop.test", "lares.client-ca=ours"]),
    at("trusted", innerPort, ["lares.host=inner.test", "lares.proto=https", "lares.ca=theirs"]),
    at("distrusted", innerPort, ["lares.host=inner.test", "lares.path=/no", "lares.proto=https", "lares.ca=ours"]),
    at("rpc", rpcPort, ["lares.host=rpc.test", "lares.proto=grpc"]),
  ]);
  const over = (servername: string, path: string, more: { cert?: string; key?: string } = {}): Promise<string> =>
    new Promise((resolve) => {
      const options = {
        host: "127.0.0.1",
        port: httpsPort,
        servername,
        rejectUnauthorized: false,
        ALPNProtocols: ["h2"],
      };
      const session = connectHttp2(`https://${servername}`, {
        createConnection: () => connectTls({ ...options, ...more }),
      });
      session.on("error", (error) => resolve(error.message));
      const stream = session.request({ ":path": path, ":authority": servername });
      let [text, status, trailer] = ["", 0, ""];
      stream.on("response", (headers) => (status = Number(headers[":status"])));
      stream.on("trailers", (headers) => (trailer = ` ${String(headers["grpc-status"])}`));
      stream.on("data", (data: Buffer) => (text += data.toString()));
      stream.on("error", (error) => resolve(error.message));
      stream.on("close", () => (session.close(), resolve(`${status} ${text}${trailer}`)));
    });
  await until("it serves", async () => (await over("rpc.test", "/x")) === "200 message 0");
  const mine = { cert: ours.make("client.test", key), key };
  t.is(await over("shop.test", "/", mine), "200 web");
  t.regex(await over("shop.test", "/"), /^403/);
  t.regex(await over("shop.test", "/", { cert: theirs.make("client.test", key), key }), /^403/);
  t.is(await over("inner.test", "/"), "200 inner");
  t.regex(await over("inner.test", "/no"), /^503/);
});

test("PROXY protocol both ways; load of wrk, hey and h2load without a failure", async (t) => {
  t.timeout(180_000);
  const running = await live({ acceptProxy: true, adminPort: await freePort() });
  t.teardown(() => running.remove());
  const shown = createServer((asked, answer) => answer.end(String(asked.headers["x-forwarded-for"])));
  const heard = Promise.withResolvers<Buffer>();
  const raw = createTcpServer((socket) =>
    socket.once("data", (data: Buffer) => (heard.resolve(data), socket.destroy())),
  );
  running.catalog.set([
    at("shown", await open(t, shown), ["lares.host=shown.test"]),
    at("raw", await open(t, raw), ["lares.host=raw.test", "lares.send-proxy=v2"]),
  ]);
  const through = (host: string): Promise<string> =>
    new Promise((resolve) => {
      let text = "";
      const socket = connectTcp(running.port, "127.0.0.1", () =>
        socket.write(
          `PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        ),
      );
      socket.on("data", (data) => (text += data.toString()));
      socket.on("close", () => resolve(text));
      socket.on("error", (error) => resolve(error.message));
    });
  await until("the client's own address is believed", async () => (await through("shown.test")).endsWith("192.0.2.7"));
  void through("raw.test");
  const first = await heard.promise;
  t.is(first.subarray(0, 12).toString("hex"), "0d0a0d0a000d0a515549540a", "the signature of version 2");
  t.deepEqual([...first.subarray(16, 20)], [192, 0, 2, 7]);

  const plain = await live();
  t.teardown(() => plain.remove());
  const { port, server } = await site("x");
  t.teardown(() => server.close());
  plain.catalog.set([at("web", port, ["lares.path=/"])]);
  const url = `http://127.0.0.1:${plain.port}/`;
  await until("it serves", async () => (await fetch(url).catch(() => undefined))?.status === 200);
  const wrk = await run("wrk", ["-t1", "-c20", "-d1s", url]);
  t.notRegex(wrk.stdout, /Non-2xx|Socket errors/, wrk.stdout);
  const hey = await run("hey", ["-n", "500", "-c", "20", url]);
  t.regex(hey.stdout, /\[200\]\s+500 responses/, hey.stdout);
  const h2load = await run("h2load", ["-n500", "-c10", "-m10", url]);
  t.regex(h2load.stdout, /500 succeeded, 0 failed, 0 errored/, h2load.stdout);
});
