import anyTest from "ava";
import type { ExecutionContext } from "ava";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import { silentLog } from "#base/env/log.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";

const test = anyTest;
const env = createEnv({ logToStderr: false });
test.after.always(() => env.close());

async function serve(t: ExecutionContext, exchange: Exchange): Promise<{ base: string; close: () => Promise<void> }> {
  const listener = await listenHttp({ at: { host: "127.0.0.1", port: 0 }, log: silentLog, exchange });
  const close = (): Promise<void> => listener.close(0);
  t.teardown(close);
  return { base: `http://127.0.0.1:${listener.address.port}`, close };
}

async function dial(url: string): Promise<WebSocketChannel> {
  const dialed = await dialWebSocket({ url });
  if (dialed.kind !== "open") throw new Error(`answered ${dialed.response.status}`);
  return dialed.channel;
}

const closeOf = (channel: WebSocketChannel): Promise<string> =>
  new Promise((resolve) => channel.onClose((code, reason) => resolve(`${code} ${reason}`)));

const echo: Exchange = () =>
  Promise.resolve({
    status: 101,
    headers: {},
    body: "",
    webSocket: (channel) => channel.onMessage((data) => channel.send(textOf(data).toUpperCase())),
  });

test("messages go both ways in order, and a good-bye has a code and a reason", async (t) => {
  const { base } = await serve(t, echo);
  const channel = await dial(base);
  const got: string[] = [];
  const all = new Promise<void>((resolve) => {
    channel.onMessage((data) => {
      got.push(textOf(data));
      if (got.length === 100) resolve();
    });
  });
  for (let n = 0; n < 100; n++) await channel.send(`m${n} ä`);
  await all;
  t.deepEqual(
    got,
    Array.from({ length: 100 }, (_, n) => `M${n} Ä`),
  );
  const closed = closeOf(channel);
  channel.close(4123, `why ${"ä".repeat(100)}`);
  t.is(await closed, `4123 why ${"ä".repeat(59)}`);
  await channel.send("into the void");
});

test("a request that is refused is answered as any other, body and all", async (t) => {
  const { base } = await serve(t, () => Promise.resolve({ status: 403, headers: {}, body: "Permission denied" }));
  const dialed = await dialWebSocket({ url: base });
  t.is(dialed.kind === "response" && dialed.response.status, 403);
  t.is(dialed.kind === "response" && (await dialed.response.text()), "Permission denied");
  await t.throwsAsync(dialWebSocket({ url: "http://127.0.0.1:1" }), { instanceOf: HttpTransportError });
});

test("while a message is being taken the next ones wait, and none is lost to a change of handler", async (t) => {
  let inHand = 0;
  let most = 0;
  const got: string[] = [];
  let done = (): void => {};
  const all = new Promise<void>((resolve) => (done = resolve));
  const { base } = await serve(t, () =>
    Promise.resolve({
      status: 101,
      headers: {},
      body: "",
      webSocket: (channel) => {
        channel.onMessage((first) => {
          got.push(`first ${textOf(first)}`);
          setTimeout(() => {
            channel.onMessage(async (data) => {
              most = Math.max(most, (inHand += 1));
              await new Promise((resolve) => setTimeout(resolve, 1));
              inHand -= 1;
              got.push(textOf(data));
              if (got.length === 20) done();
            });
          }, 20);
          return new Promise(() => {});
        });
      },
    }),
  );
  const channel = await dial(base);
  await Promise.all(Array.from({ length: 20 }, (_, n) => channel.send(String(n))));
  await all;
  t.is(most, 1);
  t.deepEqual(got, ["first 0", ...Array.from({ length: 19 }, (_, n) => String(n + 1))]);
});

test("a message above the limit, a handler that fails, and a listener that stops each end the connection", async (t) => {
  const { base, close } = await serve(t, (request) =>
    Promise.resolve({
      status: 101,
      headers: {},
      body: "",
      webSocket: (channel) => {
        if (request.url === "/fail") channel.onMessage(() => Promise.reject(new Error("no")));
        else channel.onMessage(() => {});
        request.signal.addEventListener("abort", () => channel.close(1001, "the server stops"));
      },
    }),
  );
  const large = await dial(base);
  large.onMessage(() => {});
  const tooLarge = closeOf(large);
  void large.send("x".repeat(2 * 1024 * 1024));
  t.regex(await tooLarge, /^1009|^1006/);
  const failing = await dial(`${base}/fail`);
  failing.onMessage(() => {});
  const failed = closeOf(failing);
  await failing.send("x");
  t.regex(await failed, /^1011 /);
  const last = await dial(base);
  last.onMessage(() => {});
  const stopped = closeOf(last);
  await close();
  t.regex(await stopped, /^1001 the server stops|^1006/);
});

/** It hears of a new size a moment after that was told. */
const PROGRAM = 'stty size; until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; read word; stty size; tty; exit 7';

test("a program in a terminal of its own sees one, learns its size, and ends with it", async (t) => {
  let shown = "";
  const terminal = await env.exec.spawnTerminal(["sh", "-c", PROGRAM], {
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm" },
    size: { height: 24, width: 80 },
    onOutput: (data) => void (shown += textOf(data)),
  });
  while (!shown.includes("24 80")) await new Promise((resolve) => setTimeout(resolve, 10));
  terminal.resize({ height: 33, width: 99 });
  await terminal.write(utf8("go\n"));
  t.deepEqual(await terminal.exited, { code: 7, signal: 0 });
  t.regex(shown, /24 80\r\ngo\r\n33 99\r\n\/dev\/pts\/\d+\r\n$/);
});
