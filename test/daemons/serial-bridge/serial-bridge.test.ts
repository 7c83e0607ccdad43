import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { silentLog } from "#base/env/log.ts";
import type { WebSocketChannel } from "#base/env/web-socket.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { createSerialPorts } from "#base/platform/serial-ports.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";
import { modemState, parseComPort, settingAnswer } from "#daemons/serial-bridge/com-port.ts";
import { createBridge, MAX_CLIENTS, type Bridge } from "#daemons/serial-bridge/create-bridge.ts";
import { KEPT_LINES, LineLog, MAX_LINE_BYTES } from "#daemons/serial-bridge/line-log.ts";
import { MAX_BEHIND_BYTES, Outbox } from "#daemons/serial-bridge/outbox.ts";
import { parseSettings, settingsText } from "#daemons/serial-bridge/settings.ts";
import {
  OPTION,
  telnetData,
  TelnetReader,
  telnetSubnegotiation,
  type TelnetEvent,
} from "#daemons/serial-bridge/telnet.ts";
import { plugIn, until } from "../../drivers/devices/pty.ts";
import { testAgent, until as eventually } from "../../scenario/agent.ts";

const env = createEnv({ logLevel: "error" });
const root = mkdtempSync(`${tmpdir()}/lares-serial-`);
const run = promisify(execFile);
// The platform's timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
test.after.always(() => {
  clearInterval(alive);
  env.close();
  rmSync(root, { recursive: true, force: true });
});

const LOOPBACK = { host: "127.0.0.1", port: 0 };
const SETTINGS = { baudRate: 115_200, dataBits: 8, parity: "none", stopBits: 1, flow: "none" } as const;

interface Place extends Bridge {
  readonly lines: string[];
  readonly http: string;
}

async function bridge(t: ExecutionContext, path: string): Promise<Place> {
  const lines: string[] = [];
  const made = await createBridge({
    env,
    ports: createSerialPorts(),
    path,
    settings: SETTINGS,
    telnet: LOOPBACK,
    raw: LOOPBACK,
    onLine: ({ text }) => void lines.push(text),
  });
  const listener = await listenHttp({ at: LOOPBACK, exchange: made.exchange, log: silentLog });
  t.teardown(async () => {
    await listener.close(0);
    await made.stop();
  });
  return { ...made, lines, http: `http://127.0.0.1:${listener.address.port}` };
}

async function channelTo(url: string): Promise<WebSocketChannel> {
  const dialed = await dialWebSocket({ url });
  if (dialed.kind !== "open") throw new Error(`answered ${dialed.response.status}`);
  return dialed.channel;
}

const stateOf = async (http: string): Promise<any> => (await fetch(`${http}/v1/port`)).json();

test("pyserial sets, asks, writes and reads the port through RFC 2217, every byte as it is", async (t) => {
  const path = `${root}/ttyECHO`;
  let echoing = false;
  const board = await plugIn(env, path, (line, self) => {
    if (line === "ask") void self.say("23.5 C\n");
    if (line === "echo") echoing = true;
  });
  t.teardown(() => board.unplug());
  const { addresses, lines } = await bridge(t, path);
  const client = run("/usr/bin/python3", [
    new URL("rfc2217_client.py", import.meta.url).pathname,
    `rfc2217://127.0.0.1:${addresses.telnet!.port}`,
  ]);
  const sent = [...Array.from({ length: 256 }, (_, byte) => byte), 13, 0, 13, 10, 255, 255, 13];
  await until(() => echoing && board.raw().length >= 4 + 5 + sent.length);
  const came = board.raw().subarray(-sent.length);
  t.deepEqual([...came], sent);
  await board.sayBytes(came);
  const { stdout } = await client;
  t.deepEqual(stdout.trim().split("\n"), [
    "open 57600 8 N 2",
    "line b'23.5 C\\n'",
    "bytes True",
    "changed 9600 True False False",
  ]);
  t.is(lines[0], "23.5 C");
});

test("all hear the port: plain TCP, WebSockets, lines; all may write to it; its state is told", async (t) => {
  const path = `${root}/ttyALL`;
  const board = await plugIn(env, path);
  t.teardown(() => board.unplug());
  const { addresses, http, lines } = await bridge(t, path);
  const heard: string[] = [];
  const plain = connect(addresses.raw!.port, "127.0.0.1");
  t.teardown(() => plain.destroy());
  let plainText = "";
  plain.on("data", (data: Buffer) => void (plainText += data.toString()));
  const stream = await channelTo(`${http}/v1/stream`);
  stream.onMessage((data) => void heard.push(textOf(data)));
  const follow = await channelTo(`${http}/v1/lines?n=5`);
  const followed: string[] = [];
  follow.onMessage((data) => void followed.push(JSON.parse(textOf(data)).line));
  await until(async () => (await stateOf(http)).clients === 1);
  await board.say("one\r\ntwo\x1b[31m\n");
  await until(() => heard.join("").length === 14 && plainText.length === 14 && followed.length === 2);
  t.is(heard.join(""), "one\r\ntwo\x1b[31m\n");
  t.is(plainText, "one\r\ntwo\x1b[31m\n");
  // A log must not be able to drive a terminal.
  t.deepEqual(followed, ["one", "two\\x1b[31m"]);
  t.deepEqual(lines, ["one", "two\\x1b[31m"]);
  plain.write("from tcp;");
  await until(() => board.received() === "from tcp;");
  await stream.send("from page\n");
  await until(() => board.received() === "from tcp;from page\n");
  // A byte counts as sent a moment after the other end has it.
  await until(async () => (await stateOf(http)).bytes.sent === 19);
  const state = await stateOf(http);
  t.like(state, { path, open: true, problem: "", outputs: { dtr: true, rts: true, brk: false }, inputs: null });
  t.is(state.settings.text, "115200 8N1");
  t.deepEqual(state.bytes, { received: 14, sent: 19 });
  const recent: any = await (await fetch(`${http}/v1/lines?n=1`)).json();
  t.deepEqual(
    recent.map(({ line }: { line: string }) => line),
    ["two\\x1b[31m"],
  );
  t.is((await fetch(`${http}/v1/stream`)).status, 426);
  t.is((await fetch(`${http}/v1/port`, { method: "POST" })).status, 405);
  t.is((await fetch(`${http}/nothing`)).status, 404);
  const foreign = await dialWebSocket({ url: `${http}/v1/stream`, headers: { origin: "http://evil.example" } });
  t.is(foreign.kind === "response" ? foreign.response.status : 101, 403);
  stream.close();
  follow.close();
});

test("a port that goes away is opened again when it is back; clients stay", async (t) => {
  const path = `${root}/ttyGONE`;
  const { addresses, http } = await bridge(t, path);
  t.like(await stateOf(http), { open: false });
  t.regex((await stateOf(http)).problem, /No such file/);
  const plain = connect(addresses.raw!.port, "127.0.0.1");
  t.teardown(() => plain.destroy());
  let text = "";
  plain.on("data", (data: Buffer) => void (text += data.toString()));
  for (const turn of ["first\n", "second\n"]) {
    const board = await plugIn(env, path);
    await until(async () => (await stateOf(http)).open === true);
    await board.say(turn);
    await until(() => text.endsWith(turn));
    await board.unplug();
    await until(async () => (await stateOf(http)).open === false);
  }
  t.is(text, "first\nsecond\n");
});

test("clients have a number, and one more is sent away", async (t) => {
  const { addresses, http } = await bridge(t, `${root}/ttyNONE`);
  const sockets = Array.from({ length: MAX_CLIENTS }, () => connect(addresses.raw!.port, "127.0.0.1"));
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  await until(async () => (await stateOf(http)).clients === MAX_CLIENTS);
  const late = connect(addresses.raw!.port, "127.0.0.1");
  late.on("error", () => {});
  await new Promise((resolve) => late.once("close", resolve));
  t.is((await stateOf(http)).clients, MAX_CLIENTS);
});

test("who does not take what the port says is let go", async (t) => {
  let slow = 0;
  const outbox = new Outbox(
    () => new Promise(() => {}),
    () => void (slow += 1),
  );
  for (let at = 0; at < 4; at++) outbox.put(new Uint8Array(MAX_BEHIND_BYTES / 2));
  t.is(slow, 1);
  const sent: number[] = [];
  const quick = new Outbox(async (data) => void sent.push(data.length), t.fail);
  for (let at = 1; at <= 3; at++) quick.put(new Uint8Array(at));
  await until(() => sent.length === 3);
  t.deepEqual(sent, [1, 2, 3]);
});

const joined = (events: readonly TelnetEvent[]): number[] =>
  events.flatMap((event) => (event.kind === "data" ? [...event.bytes] : []));

test("telnet: any bytes come through as they are, however they are cut; any input is survived", (t) => {
  const bytes = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(80), { maxLength: 5 }), (data, cuts) => {
      const reader = new TelnetReader();
      reader.binary = true;
      const wire = telnetData(data);
      const marks = [0, ...cuts.map((cut) => Math.min(cut, wire.length)).toSorted((a, b) => a - b), wire.length];
      const events = marks.slice(1).flatMap((end, index) => reader.read(wire.subarray(marks[index], end)));
      t.deepEqual(joined(events), [...data]);
    }),
  );
  fc.assert(
    fc.property(fc.nat(255), bytes, (option, data) => {
      const events = new TelnetReader().read(telnetSubnegotiation(option, data));
      // An option 255 would have to be doubled; nobody has that number.
      if (option !== 255) t.deepEqual(events, [{ kind: "subnegotiation", option, bytes: data }]);
    }),
  );
  fc.assert(
    fc.property(fc.array(bytes), (chunks) => {
      const reader = new TelnetReader();
      for (const chunk of chunks) {
        for (const event of reader.read(chunk)) if (event.kind === "subnegotiation") parseComPort(event.bytes);
      }
    }),
  );
  const plain = new TelnetReader();
  t.deepEqual(joined(plain.read(Uint8Array.of(65, 13, 0, 13, 10, 66))), [65, 13, 13, 10, 66]);
  t.deepEqual(plain.read(Uint8Array.of(255, 250, OPTION.comPort, ...new Uint8Array(2000), 255, 240)), []);
  t.deepEqual(plain.read(Uint8Array.of(255, 241, 67)), [{ kind: "data", bytes: Uint8Array.of(67) }]);
});

test("RFC 2217: requests, answers and the state of the lines in their numbers", (t) => {
  t.deepEqual(parseComPort(Uint8Array.of(1, 0, 0, 0x25, 0x80)), {
    kind: "set",
    field: "baudRate",
    value: { baudRate: 9600 },
  });
  t.deepEqual(parseComPort(Uint8Array.of(1, 0, 0, 0, 0)), { kind: "set", field: "baudRate", value: undefined });
  t.is(parseComPort(Uint8Array.of(1, 0, 0)), undefined);
  t.deepEqual(parseComPort(Uint8Array.of(2, 7)), { kind: "set", field: "dataBits", value: { dataBits: 7 } });
  t.deepEqual(parseComPort(Uint8Array.of(3, 3)), { kind: "set", field: "parity", value: { parity: "even" } });
  t.deepEqual(parseComPort(Uint8Array.of(4, 3)), { kind: "set", field: "stopBits", value: { stopBits: 1.5 } });
  t.deepEqual(parseComPort(Uint8Array.of(3, 99)), { kind: "set", field: "parity", value: undefined });
  t.is(parseComPort(Uint8Array.of(77, 1)), undefined);
  t.is(parseComPort(new Uint8Array()), undefined);
  const settings = { baudRate: 57_600, dataBits: 7, parity: "odd", stopBits: 2, flow: "none" } as const;
  t.deepEqual([...settingAnswer("baudRate", settings)], [101, 0, 0, 0xe1, 0]);
  t.deepEqual([...settingAnswer("dataBits", settings)], [102, 7]);
  t.deepEqual([...settingAnswer("parity", settings)], [103, 2]);
  t.deepEqual([...settingAnswer("stopBits", settings)], [104, 2]);
  const off = { cts: false, dsr: false, dcd: false };
  t.is(modemState({ cts: true, dsr: false, dcd: true }, off), 128 + 16 + 8 + 1);
  t.is(modemState(off, { ...off, dsr: true }), 2);
});

test("lines end at CR, LF or both, at their longest, or when nothing follows for a while", async (t) => {
  const log = new LineLog(env.clock);
  const lines: string[] = [];
  log.onLine(({ text }) => void lines.push(text));
  for (const piece of ["a\r", "\nb\rc", "\n\n", "x".repeat(MAX_LINE_BYTES + 1), "\n"]) log.take(utf8(piece));
  t.deepEqual(lines, ["a", "b", "c", "", "x".repeat(MAX_LINE_BYTES), "x"]);
  log.take(utf8("login: "));
  await until(() => lines.at(-1) === "login: ");
  for (let at = 0; at < KEPT_LINES + 5; at++) log.take(utf8(`${at}\n`));
  t.is(log.recent(KEPT_LINES * 2).length, KEPT_LINES);
  t.is(log.recent(1)[0]!.text, String(KEPT_LINES + 4));
  t.deepEqual(log.recent(0), []);
  log.take(utf8("last"));
  log.close();
  t.is(lines.at(-1), "last");
});

test("settings as people write them, and what is wrong with others", (t) => {
  const of = (baud = "", format = "", flow = ""): unknown => {
    const parsed = parseSettings({ baud, format, flow });
    return parsed.ok ? `${settingsText(parsed.value)} ${parsed.value.flow}` : parsed.error.message;
  };
  t.is(of(), "115200 8N1 none");
  t.is(of("9600", "7e1.5", "rtscts"), "9600 7E1.5 rtscts");
  t.regex(String(of("fast")), /"fast" is no number/);
  t.regex(String(of("", "9N1")), /"9N1"/);
  t.regex(String(of("", "", "maybe")), /"maybe"/);
});

const pack = new URL("../../../packs/serial-bridge/serial-bridge.nomad.hcl", import.meta.url).pathname;

test("a job waits for its device, runs once it is plugged in, and its port is used from anywhere", async (t) => {
  t.timeout(180_000);
  const dir = mkdtempSync(`${tmpdir()}/lares-serial-cli-`);
  const port = `${dir}/ttyARD0`;
  const agent = await testAgent({
    config: `plugin "serial" {
      config {
        device {
          path   = "${dir}/ttyARD*"
          vendor = "arduino"
          name   = "uno"
        }
      }
    }`,
  });
  const board = { now: undefined as Awaited<ReturnType<typeof plugIn>> | undefined };
  t.teardown(async () => {
    await agent.lares("job", "stop", "serial-bridge");
    // What still runs when the agent dies would run on.
    await eventually("its tasks have ended", async () => {
      const allocs = await agent.get("/v1/job/serial-bridge/allocations");
      const states = v.parse(v.array(v.object({ ClientStatus: v.string() })), allocs);
      return states.every(({ ClientStatus }) => ClientStatus !== "running" && ClientStatus !== "pending");
    });
    await agent.remove();
    await board.now?.unplug();
    rmSync(dir, { recursive: true, force: true });
  });
  t.notRegex((await agent.lares("serial", "ls")).stdout, /arduino/);
  const started = await agent.lares("job", "run", "-detach", "-var", "device=serial/arduino", pack);
  t.is(started.code, 0, started.stderr);
  await eventually("it waits for a device", async () =>
    (await agent.lares("job", "status", "serial-bridge")).stdout.includes("missing devices"),
  );
  board.now = await plugIn(env, port, (line, self) => void (line === "ask" && self.say("22.5 C\n")));
  await eventually("it runs", async () => {
    const found = await agent.get("/consul/v1/health/service/serial-bridge-http?passing=1");
    return Array.isArray(found) && found.length === 1;
  });
  const listed = await agent.lares("serial", "ls");
  t.regex(listed.stdout, /arduino\/serial\/uno +ttyARD0 .*serial-bridge \([0-9a-f]{8}\)/);
  const json: unknown = JSON.parse((await agent.lares("serial", "ls", "-json")).stdout);
  t.like(json, [{ device: "arduino/serial/uno", id: "ttyARD0", type: "serial" }]);
  const console = agent.lares("serial", "console", "-for", "2s", "serial-bridge");
  const ticking = setInterval(() => void board.now?.say("tick\n"), 200);
  const seen = await console;
  clearInterval(ticking);
  t.is(seen.code, 0, seen.stderr);
  t.regex(seen.stdout, /tick\n/);
  t.regex(seen.stderr, /Connected to serial-bridge/);
  t.regex((await agent.lares("alloc", "logs", "-job", "serial-bridge")).stdout, /T.*Z tick\n/);
  const nobody = await agent.lares("serial", "console", "no-such-bridge");
  t.is(nobody.code, 1);
  t.regex(nobody.stderr, /no healthy bridge is called "no-such-bridge"/);
});

test("a port of this machine is spoken to without an agent", async (t) => {
  const dir = mkdtempSync(`${tmpdir()}/lares-serial-cli-`);
  const board = await plugIn(env, `${dir}/tty`);
  t.teardown(async () => {
    await board.unplug();
    rmSync(dir, { recursive: true, force: true });
  });
  const { lares } = await import("../../cli/cluster.ts");
  const bad = await lares({}, ["serial", "console", "-format", "9N1", `${dir}/tty`]);
  t.is(bad.code, 2);
  t.regex(bad.err, /format "9N1"/);
  const gone = await lares({}, ["serial", "console", `${dir}/absent`]);
  t.is(gone.code, 1);
  t.regex(gone.err, /cannot open .*absent: No such file or directory/);
});
