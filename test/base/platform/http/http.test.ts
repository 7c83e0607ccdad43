import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import http, { createServer } from "node:http";
import { once } from "node:events";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import anyTest from "ava";
import type { TestFn } from "ava";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import { silentLog } from "#base/env/log.ts";
import type { Exchange, ExchangeRequest } from "#base/http/exchange.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import type { HttpListener, HttpListenerOptions } from "#base/platform/http-listener.ts";
import { createLogHub } from "#base/platform/log.ts";
import { testAuthority } from "./certificates.ts";
import { closed, opened, rawTalk, upload } from "./raw-http.ts";

const test = anyTest as TestFn<{ folder: string }>;
const env = createEnv({ logToStderr: false });

test.beforeEach(async (t) => {
  t.context.folder = await mkdtemp(join(tmpdir(), "lares-platform-"));
});
test.afterEach.always(async (t) => {
  await rm(t.context.folder, { recursive: true, force: true });
});
test.after.always(() => env.close());

const hello: Exchange = () => Promise.resolve({ status: 200, headers: { "x-a": ["1", "2"] }, body: "hello" });

async function serving<T>(
  options: Partial<HttpListenerOptions> & { exchange: Exchange },
  use: (base: string, listener: HttpListener) => Promise<T>,
): Promise<T> {
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, log: silentLog, ...options });
  try {
    return await use(`http://127.0.0.1:${listener.address.port}`, listener);
  } finally {
    await listener.close(0);
  }
}

async function allOf(request: ExchangeRequest): Promise<string> {
  let text = "";
  for await (const part of request.body) text += textOf(part);
  return text;
}

test("http: method, target, headers, body there; status, headers, body back", async (t) => {
  const exchange: Exchange = async (request) => ({
    status: 201,
    headers: {
      "x-what": `${request.method} ${request.url} ${request.headers["x-in"]} ${request.remote.host}`,
      "set-cookie": ["a", "b"],
    },
    body: (await allOf(request)).toUpperCase(),
  });
  await serving({ exchange }, async (base) => {
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield utf8("stre");
      yield utf8("am");
    }
    for (const body of ["text", utf8("bytes"), parts()]) {
      const response = await env.http.request({
        url: `${base}/p%20q?x=1`,
        method: "PUT",
        headers: { "X-In": "v" },
        body,
      });
      t.is(response.status, 201);
      t.is(response.headers["x-what"], "PUT /p%20q?x=1 v 127.0.0.1");
      t.is(response.headers["set-cookie"], "a, b");
      t.true(["TEXT", "BYTES", "STREAM"].includes(await response.text()));
    }
  });
});

test("http: streams come as they are made, and a client that leaves aborts the signal", async (t) => {
  let aborted: (() => void) | undefined;
  const left = new Promise<void>((resolve) => (aborted = resolve));
  const exchange: Exchange = (request) => {
    request.signal.addEventListener("abort", () => aborted!());
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let i = 0; !request.signal.aborted; i++) {
        yield utf8(`${i}\n`);
        await sleep(env.clock, 5, request.signal);
      }
    }
    return Promise.resolve({ status: 200, headers: {}, body: body() });
  };
  await serving({ exchange }, async (base) => {
    const response = await env.http.request({ url: base });
    let seen = "";
    for await (const part of response.body) {
      seen += textOf(part);
      if (seen.length > 10) break;
    }
    t.true(seen.startsWith("0\n1\n"));
    await left;
  });
});

test("http: an answer that fails half way is cut, not ended", async (t) => {
  const exchange: Exchange = () => {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield utf8("half");
      throw new Error("source broke");
    }
    return Promise.resolve({ status: 200, headers: {}, body: body() });
  };
  await serving({ exchange }, async (base) => {
    const response = await env.http.request({ url: base });
    await t.throwsAsync(response.text(), { instanceOf: HttpTransportError, message: /broke off/ });
  });
});

test("http: an exception is a 500 that tells nothing, and the log everything", async (t) => {
  const lines: string[] = [];
  const { log } = createLogHub({
    clock: env.clock,
    level: "info",
    format: "text",
    sinks: [(line) => lines.push(line)],
  });
  await serving({ exchange: () => Promise.reject(new Error("secret detail")), log }, async (base) => {
    const response = await env.http.request({ url: base });
    t.is(response.status, 500);
    t.false((await response.text()).includes("secret"));
    t.regex(lines.join(""), /secret detail/);
  });
});

test("http: 100 MB are refused with a clear 413 before they were sent", async (t) => {
  const limits = { maxBodyBytes: 1024 * 1024 };
  const exchange: Exchange = async (request) => ({
    status: 200,
    headers: {},
    body: String((await allOf(request)).length),
  });
  await serving({ exchange, limits }, async (base, listener) => {
    // Declared: with Expect, not a byte of the body is sent; curl is the client everybody has.
    const asked = await rawTalk(
      listener.address.port,
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\nExpect: 100-continue\r\n\r\n",
      true,
    );
    t.regex(asked, /^HTTP\/1.1 413 /);
    t.regex(asked, /larger than the 1048576 bytes accepted here/);
    t.regex(asked, /Connection: close/i);
    // A client that sends at once still reads the answer instead of a reset.
    const { status, text, sent } = await upload(listener.address.port, 100 * 1024 * 1024, true);
    t.is(status, 413);
    t.regex(text, /larger than/);
    t.true(sent < 60 * 1024 * 1024, `${sent} bytes were taken`);
    // Without a declared size the limit bites while reading.
    t.is((await upload(listener.address.port, 100 * 1024 * 1024, false)).status, 413);
    // What fits goes through, also behind Expect.
    const fine = await env.http.request({ url: base, method: "PUT", body: new Uint8Array(1024 * 1024) });
    t.is(await fine.text(), "1048576");
    const expected = await rawTalk(
      listener.address.port,
      "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhello",
      true,
    );
    t.regex(expected, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  });
});

test("http: a refused upload does not run the handler, a body nobody read closes the connection cleanly", async (t) => {
  const exchange: Exchange = () => Promise.resolve({ status: 403, headers: {}, body: "not for you" });
  await serving({ exchange }, async (_base, listener) => {
    const { status, text } = await upload(listener.address.port, 30 * 1024 * 1024, true);
    t.is(status, 403);
    t.is(text, "not for you");
  });
});

test("http: slow-loris, silent and half-open connections are closed; a working client is not disturbed", async (t) => {
  const limits = { headersTimeoutMs: 1000, requestTimeoutMs: 2000, keepAliveMs: 100, checkEveryMs: 20 };
  const exchange: Exchange = async (request) => ({ status: 200, headers: {}, body: await allOf(request) });
  await serving({ exchange, limits }, async (base, listener) => {
    const { port } = listener.address;
    const [silent, slowHeader, slowBody, halfOpen] = await Promise.all([
      rawTalk(port, "", true),
      rawTalk(port, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", true),
      rawTalk(port, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfew", true),
      rawTalk(port, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nfew"),
    ]);
    t.regex(silent, /^HTTP\/1.1 408 /);
    t.regex(slowHeader, /^HTTP\/1.1 408 /);
    t.regex(slowBody, /^(HTTP\/1.1 408 |$)/);
    t.is(halfOpen.includes("200 OK"), false);
    t.is(await (await env.http.request({ url: base, method: "POST", body: "fine" })).text(), "fine");
    const idle = await rawTalk(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true);
    t.regex(idle, /^HTTP\/1.1 200 OK/);
  });
});

test("http: one client gets so many connections, all together so many; freed ones count no more", async (t) => {
  const limits = { maxConnectionsPerClient: 3, maxConnections: 5 };
  await serving({ exchange: hello, limits }, async (_base, listener) => {
    const { port } = listener.address;
    const held = await Promise.all([1, 2, 3].map(() => opened(port)));
    const refused = await rawTalk(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    t.regex(refused, /^HTTP\/1.1 429 /);
    t.regex(refused, /more than 3 connections/);
    for (const socket of held) await closed(socket);
    // The other end hears a moment later that they are closed.
    let answer = "HTTP/1.1 429 ";
    while (answer.startsWith("HTTP/1.1 429 ")) {
      await sleepHere(20);
      answer = await rawTalk(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    t.regex(answer, /^HTTP\/1.1 200 OK/);
  });
  await serving(
    { exchange: hello, limits: { maxConnectionsPerClient: 0, maxConnections: 2 } },
    async (_base, listener) => {
      const { port } = listener.address;
      const held = await Promise.all([1, 2].map(() => opened(port)));
      t.is(await rawTalk(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
      for (const socket of held) await closed(socket);
    },
  );
});

test("http: garbage, huge headers and CONNECT are answered, never crash", async (t) => {
  await serving({ exchange: hello }, async (_base, listener) => {
    const { port } = listener.address;
    t.regex(await rawTalk(port, "\u0016\u0003\u0001 not http\r\n\r\n"), /^HTTP\/1.1 400 Bad Request/);
    t.regex(await rawTalk(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
    t.regex(await rawTalk(port, "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1.1 405 /);
    const smuggled = await rawTalk(
      port,
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    t.regex(smuggled, /^HTTP\/1.1 400 /);
  });
});

test("http: a client that does not read its answer is dropped", async (t) => {
  const limits = { writeStallMs: 100 };
  let ended = false;
  const exchange: Exchange = (request) => {
    if (request.url === "/whole")
      return Promise.resolve({ status: 200, headers: {}, body: new Uint8Array(64 * 1024 * 1024) });
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(64 * 1024);
      } finally {
        ended = true;
      }
    }
    return Promise.resolve({ status: 200, headers: {}, body: body() });
  };
  await serving({ exchange, limits }, async (_base, listener) => {
    for (const path of ["/stream", "/whole"]) {
      const socket = await opened(listener.address.port);
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await sleepHere(500);
      const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.resume();
      await gone;
    }
    t.true(ended);
  });
});

test("http: close answers what is under way, aborts signals, and cuts what ignores them", async (t) => {
  let arrived = 0;
  const exchange: Exchange = async (request) => {
    arrived += 1;
    if (request.url === "/poll") await sleep(env.clock, 60_000, request.signal);
    else await new Promise(() => {});
    return { status: 200, headers: {}, body: request.signal.aborted ? "stopping" : "late" };
  };
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, log: silentLog, exchange });
  const base = `http://127.0.0.1:${listener.address.port}`;
  const poll = env.http.request({ url: `${base}/poll` }).then((response) => response.text());
  const stuck = env.http.request({ url: `${base}/stuck` }).catch((error: HttpTransportError) => error.code);
  while (arrived < 2) await sleepHere(5);
  await listener.close(100);
  t.is(await poll, "stopping");
  t.is(await stuck, "ECONNRESET");
  t.is(await env.http.request({ url: base }).catch((error: HttpTransportError) => error.code), "ECONNREFUSED");
});

test("http: a Unix socket is ours alone, a stale one is replaced, a live one is not", async (t) => {
  const socketPath = join(t.context.folder, "api.sock");
  await new Promise<void>((resolve) => {
    const killed = spawn(process.execPath, [
      "-e",
      `require("net").createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 9))`,
    ]);
    killed.once("exit", () => resolve());
  });
  t.true(existsSync(socketPath));
  const listener = await listenHttp({ at: { socketPath }, log: silentLog, exchange: hello });
  t.is(statSync(socketPath).mode & 0o777, 0o600);
  const response = await env.http.request({ url: "http://lares/x", socketPath });
  t.is(await response.text(), "hello");
  await t.throwsAsync(listenHttp({ at: { socketPath }, log: silentLog, exchange: hello }), {
    message: /another program serves it/,
  });
  await listener.close();
  t.false(existsSync(socketPath));
  writeFileSync(socketPath, "precious");
  await t.throwsAsync(listenHttp({ at: { socketPath }, log: silentLog, exchange: hello }), { message: /no socket/ });
  t.is(readFileSync(socketPath, "utf8"), "precious");
});

test("http: switching protocols hands over the raw stream; a listener of ours speaks only WebSocket", async (t) => {
  const headers = { connection: "Upgrade", upgrade: "echo" };
  const server = createServer();
  server.on("upgrade", (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers["upgrade"]}\r\n\r\nwelcome`,
    );
    socket.once("data", (data) => socket.end(data));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const switched = await env.http.upgrade({ url: `http://127.0.0.1:${port}`, headers });
  if (switched.kind !== "upgraded") return t.fail();
  let text = "";
  switched.stream.onData((data) => void (text += textOf(data)));
  const done = new Promise<void>((resolve) => switched.stream.onClose(() => resolve()));
  await switched.stream.write(utf8(" echo"));
  await done;
  t.is(text, "welcome echo");
  await new Promise((resolve) => server.close(resolve));
  await serving({ exchange: hello }, async (base) => {
    const answer = await env.http.upgrade({ url: base, headers });
    t.is(answer.kind === "response" && (await answer.response.text()), "hello");
  });
});

test("http client: timeouts, cancellation, limits and bad URLs name the code", async (t) => {
  const exchange: Exchange = async (request) => {
    if (request.url === "/hang") await sleep(env.clock, 60_000, request.signal);
    return { status: 200, headers: {}, body: "x".repeat(1000) };
  };
  await serving({ exchange }, async (base) => {
    const codeOf = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "none",
        (error: unknown) => (error instanceof HttpTransportError ? error.code : String(error)),
      );
    t.is(await codeOf(env.http.request({ url: `${base}/hang`, timeoutMs: 50 })), "ETIMEDOUT");
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 30);
    t.is(await codeOf(env.http.request({ url: `${base}/hang`, signal: abort.signal })), "ABORTED");
    t.is(await codeOf(env.http.request({ url: base, signal: abort.signal })), "ABORTED");
    t.is(await codeOf((await env.http.request({ url: base })).bytes(999)), "EMSGSIZE");
    t.is(await codeOf(env.http.request({ url: "no url" })), "EINVAL");
    t.is(await codeOf(env.http.request({ url: "ftp://x" })), "EINVAL");
    t.is(await codeOf(env.http.request({ url: base, headers: { "x\n": "y" } })), "EINVAL");
    t.is(await codeOf(env.http.request({ url: "http://x/", socketPath: "/no/such.sock" })), "ENOENT");
    const left = await env.http.request({ url: base });
    left.abandon();
  });
});

test("http client: a kept connection the server has closed is not the caller's problem", async (t) => {
  let connections = 0;
  const server = http.createServer((request, response) => {
    response.end("ok");
    if (request.url === "/close") setImmediate(() => request.socket.destroy());
  });
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  for (let i = 0; i < 20; i++) {
    const response = await env.http.request({ url: `http://127.0.0.1:${port}/${i % 2 === 0 ? "close" : "keep"}` });
    t.is(await response.text(), "ok");
  }
  t.true(connections > 1);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function sleepHere(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("a socket's path may be longer than the system's 107 bytes", async (t) => {
  const folder = join(t.context.folder, "a".repeat(60), "b".repeat(60));
  mkdirSync(folder, { recursive: true });
  const socketPath = join(folder, "api.sock");
  const listener = await listenHttp({ at: { socketPath }, log: silentLog, exchange: hello });
  for (let i = 0; i < 3; i++) {
    const response = await env.http.request({ url: "http://lares/x", socketPath });
    t.is(response.status, 200);
    await response.text();
  }
  await listener.close();
  t.false(existsSync(socketPath), "nothing is left");
});

test("tls: who a client is, what is wrong with it, and new certificates while it runs", async (t) => {
  const ours = testAuthority();
  const server = ours.issue(["server.lares"]);
  const who: Exchange = ({ peer }) =>
    Promise.resolve({ status: 200, headers: {}, body: peer === undefined ? "nobody" : JSON.stringify(peer) });
  const ask = async (base: string, own: { readonly cert?: string; readonly key?: string } = {}): Promise<string> => {
    const tls = { ca: ours.ca, serverName: "server.lares", ...own };
    const fresh = createEnv({ logToStderr: false });
    const answer = await fresh.http.request({ url: base.replace("http:", "https:"), tls });
    const text = await answer.text();
    fresh.close();
    return text;
  };
  const tls = { ...server, clientCa: ours.ca, client: "ask" as const };
  await serving({ exchange: who, tls }, async (base, listener) => {
    t.is(await ask(base), "nobody");
    const known: unknown = JSON.parse(await ask(base, ours.issue(["a.node", "client.lares"])));
    t.deepEqual(known, { problem: "", names: ["a.node", "client.lares"], serial: "03" });
    t.regex(await ask(base, testAuthority("another").issue(["a.node"])), /"problem":"[A-Z_]+"/);
    t.regex(await ask(base, ours.issue(["a.node"], { toMs: Date.now() - 1000 })), /"problem":"CERT_HAS_EXPIRED"/);
    listener.renew({ ...tls, ...testAuthority("next").issue(["server.lares"]) });
    await t.throwsAsync(ask(base), { instanceOf: HttpTransportError });
  });
  await serving({ exchange: who, tls: { ...tls, client: "require" } }, async (base) => {
    await t.throwsAsync(ask(base), { instanceOf: HttpTransportError });
    t.regex(await ask(base, ours.issue(["a.node"])), /"problem":""/);
  });
});

test("tls: who is too slow to agree on keys is dropped, and gets no answer", async (t) => {
  const ours = testAuthority();
  const options = { tls: ours.issue(["server.lares"]), limits: { handshakeTimeoutMs: 50 } };
  await serving({ exchange: hello, ...options }, async (_base, { address }) => {
    const relay = net.createServer((client) => {
      const server = net.connect(address.port, "127.0.0.1");
      for (const socket of [client, server]) socket.on("error", () => {});
      server.on("data", (bytes) => client.write(bytes)).on("close", () => client.destroy());
      // The first word comes in time, the second does not.
      client.once("data", (hello) => {
        server.write(hello);
        client.on("data", (bytes) => void sleepHere(300).then(() => server.write(bytes)));
      });
    });
    await once(relay.listen(0, "127.0.0.1"), "listening");
    t.teardown(() => relay.close());
    const at = relay.address();
    const port = at !== null && typeof at === "object" ? at.port : 0;
    const secure = connectTls({ port, host: "127.0.0.1", ca: ours.ca, servername: "server.lares" });
    secure.on("error", () => {});
    const said: string[] = [];
    secure.on("data", (bytes: Buffer) => said.push(bytes.toString()));
    // A reset is as good an end, and `once` would take it for a failure.
    await new Promise((resolve) => secure.on("close", resolve));
    t.deepEqual(said, []);
  });
});

test("tls: closing waits for nobody who connected and said nothing, before or after the handshake", async (t) => {
  t.timeout(60_000);
  const ours = testAuthority();
  const listener = await listenHttp({
    at: { host: "127.0.0.1", port: 0 },
    log: silentLog,
    exchange: hello,
    tls: ours.issue(["server.lares"]),
    limits: { handshakeTimeoutMs: 0 },
  });
  const { port } = listener.address;
  const silent = net.connect(port, "127.0.0.1");
  const shaken = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  for (const socket of [silent, shaken]) socket.resume().on("error", () => {});
  // Connections are taken in their order: when the second is through the server has both.
  await Promise.all([once(silent, "connect"), once(shaken, "secureConnect")]);
  // Whether by an end or by a reset.
  const ended = Promise.all(
    [silent, shaken].map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()))),
  );
  await listener.close(50);
  await ended;
  t.pass();
});
