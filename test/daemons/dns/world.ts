import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import { silentLog } from "#base/env/log.ts";
import type { Env } from "#base/env/env.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { listenHttp } from "#base/platform/http-listener.ts";
import { readMessage, type Message } from "#base/protocol/dns/message.ts";
import type { ResourceRecord } from "#base/protocol/dns/record.ts";
import { MessageWriter } from "#base/protocol/dns/writer.ts";
import { freePort } from "#test/free-ports.ts";
import { createDns } from "#daemons/dns/create-dns.ts";
import { buildLists } from "#daemons/dns/filter/build-lists.ts";
import type { HouseSources } from "#daemons/dns/local/house-names.ts";
import type { QueryRecord } from "#daemons/dns/query-record.ts";
import { openFileSettings } from "#daemons/dns/settings/file-settings.ts";
import { parseSettings } from "#daemons/dns/settings/read-settings.ts";

export type Labels = readonly string[];

/** An answer of a server that is asked: records, or bytes made of the question's. */
export type Answer =
  | {
      readonly answers?: readonly ResourceRecord[];
      readonly authorities?: readonly ResourceRecord[];
      readonly rcode?: number;
      readonly flags?: number;
    }
  | ((question: Uint8Array) => readonly Uint8Array[]);

export interface Upstream {
  readonly address: string;
  /** Names asked, in the letter case they came in, with their type. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A server others are forwarded to, on a port of its own, UDP and TCP. `answer` undefined: it stays silent. */
export async function startUpstream(
  t: ExecutionContext,
  answer: (name: string, type: number, transport: "udp" | "tcp") => Answer | undefined,
): Promise<Upstream> {
  const env = createEnv({ logToStderr: false });
  const asked: string[] = [];
  const repliesTo = (packet: Uint8Array, transport: "udp" | "tcp"): readonly Uint8Array[] => {
    const [question] = readMessage(packet)?.questions ?? [];
    if (question === undefined) return [];
    const name = question.name.join(".");
    asked.push(`${name} ${question.type}`);
    const said = answer(name.toLowerCase(), question.type, transport);
    if (said === undefined) return [];
    return typeof said === "function" ? said(packet.slice()) : [replyTo(packet, said)];
  };
  const tcp = await env.net.listen({ host: "127.0.0.1", port: await freePort() }, (stream) => {
    stream.onData(async (data) => {
      for (const reply of repliesTo(data.subarray(2), "tcp"))
        await stream.write(Buffer.concat([Uint8Array.of(reply.length >> 8, reply.length & 255), reply]));
    });
  });
  const udp = await env.net.bind({ host: "127.0.0.1", port: tcp.address.port }, (data, from) => {
    for (const reply of repliesTo(data, "udp")) udp.send(reply, from);
  });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await Promise.all([udp.close(), tcp.close()]);
  };
  t.teardown(close);
  return { address: `127.0.0.1:${tcp.address.port}`, asked, close };
}

export function replyTo(packet: Uint8Array, said: Exclude<Answer, (question: Uint8Array) => unknown>): Uint8Array {
  const message = readMessage(packet);
  const [question] = message?.questions ?? [];
  if (message === undefined || question === undefined) throw new Error("a question was expected");
  const writer = new MessageWriter();
  writer.start({ id: message.header.id, flags: 0x8180 | (said.rcode ?? 0) | (said.flags ?? 0) });
  writer.question(question);
  for (const record of said.answers ?? []) writer.record(1, record);
  for (const record of said.authorities ?? []) writer.record(2, record);
  return writer.finish().slice();
}

export function a(name: string, address: string, ttl = 300): ResourceRecord {
  return { name: name.split("."), class: 1, ttl, data: { kind: "A", address } };
}

export function cname(name: string, target: string, ttl = 300): ResourceRecord {
  return { name: name.split("."), class: 1, ttl, data: { kind: "CNAME", target: target.split(".") } };
}

export function soa(name: string, minimum = 60): ResourceRecord {
  const labels = name.split(".");
  const numbers = { serial: 1, refresh: 1, retry: 1, expire: 1, minimum };
  return { name: labels, class: 1, ttl: 300, data: { kind: "SOA", primary: labels, mailbox: labels, ...numbers } };
}

export interface WorldOptions {
  readonly settings?: Record<string, unknown>;
  readonly house?: HouseSources;
  readonly env?: Partial<Env>;
}

export interface World {
  readonly port: number;
  readonly dns: ReturnType<typeof createDns>;
  readonly folder: string;
  readonly records: QueryRecord[];
  readonly env: Env;
  change(patch: Record<string, unknown>): Promise<void>;
  ask(name: string, type?: number, options?: AskOptions): Promise<Message>;
  /** Sends bytes; the reply, or undefined when none comes before the next question is answered. */
  raw(packet: Uint8Array): Promise<Uint8Array | undefined>;
}

/** A DNS server on free ports of loopback, ended with the test. */
export async function startWorld(t: ExecutionContext, options: WorldOptions = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "lares-dns-"));
  const system = createEnv({ logToStderr: false });
  const env: Env = { ...system, log: silentLog, ...options.env };
  const listen = { addresses: [`127.0.0.1:${await freePort()}`] };
  const parsed = parseSettings({ listen, ...options.settings }, "test");
  if (!parsed.ok) throw new Error(parsed.error.message);
  const opened = await openFileSettings(env, { configPath: undefined, changesPath: undefined });
  if (!opened.ok) throw new Error(opened.error.message);
  const store = opened.value;
  await store.update(() => parsed);
  const records: QueryRecord[] = [];
  const dns = createDns({
    env,
    settings: store,
    observer: (record) => void records.push({ ...record }),
    folder: join(folder, "lists"),
    buildLists: async (seed, files) =>
      buildLists(seed, await Promise.all(files.map(async (file) => ({ ...file, text: await readFile(file.path) })))),
    listenHttps: (at, exchange, tls) => listenHttp({ at, exchange, tls, log: silentLog }),
    house: options.house ?? {},
  });
  t.teardown(async () => {
    await dns.stop();
    await store.stop();
    system.close();
    await rm(folder, { recursive: true });
  });
  await dns.start();
  const port = dns.addresses("udp")[0]?.port ?? 0;
  const change = async (patch: Record<string, unknown>): Promise<void> => {
    const changed = await store.update((now) => parseSettings({ ...now, ...patch }, "test"));
    if (!changed.ok) throw new Error(changed.error.message);
    await dns.settled();
  };
  await dns.settled();
  return {
    port,
    dns,
    folder,
    records,
    env,
    change,
    ask: (...words) => ask(port, ...words),
    raw: (packet) => raw(port, packet),
  };
}

export interface AskOptions {
  readonly flags?: number;
  readonly edns?: { readonly udpSize: number; readonly dnssecOk?: boolean };
}

/** Asks until an answer comes: datagrams promise nothing. */
export async function ask(port: number, name: string, type = 1, options: AskOptions = {}): Promise<Message> {
  const reply = await exchange(port, questionPacket(name, type, options));
  const message = readMessage(reply);
  if (message === undefined) throw new Error(`a malformed answer about ${name}`);
  return message;
}

export function questionPacket(name: string, type: number, { flags = 0x0100, edns }: AskOptions = {}): Uint8Array {
  const writer = new MessageWriter();
  writer.start({ id: 0x1234, flags });
  writer.question({ name: name === "." ? [] : name.split("."), type, class: 1 });
  if (edns !== undefined) writer.edns({ udpSize: edns.udpSize, extendedRcode: 0, dnssecOk: edns.dnssecOk ?? false });
  return writer.finish().slice();
}

export async function exchange(port: number, packet: Uint8Array): Promise<Uint8Array> {
  const socket = createSocket("udp4");
  let again: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      let tries = 0;
      const send = (): void => {
        if (tries++ > 10) return reject(new Error("no answer"));
        socket.send(packet, port, "127.0.0.1");
      };
      again = setInterval(send, 3000);
      socket.on("message", (data) => resolve(new Uint8Array(data)));
      send();
    });
  } finally {
    clearInterval(again);
    socket.close();
  }
}

/** One socket: what it hears before a question that is surely answered, is the reply. */
export async function raw(port: number, packet: Uint8Array): Promise<Uint8Array | undefined> {
  const socket = createSocket("udp4");
  const fence = questionPacket("localhost", 1);
  fence[0] = 0xfe;
  fence[1] = 0xed;
  try {
    return await new Promise((resolve) => {
      socket.on("message", (data) => resolve(data[0] === 0xfe && data[1] === 0xed ? undefined : new Uint8Array(data)));
      socket.send(packet, port, "127.0.0.1", () => socket.send(fence, port, "127.0.0.1"));
    });
  } finally {
    socket.close();
  }
}

/** What `dig` prints. */
export async function dig(port: number, ...words: readonly string[]): Promise<string> {
  const argv = ["+time=5", "+tries=3", "-p", String(port), "@127.0.0.1", ...words];
  const { stdout } = await promisify(execFile)("dig", argv);
  return stdout;
}

export function addressesOf(message: Message): readonly string[] {
  return message.answers.flatMap(({ data }) => (data.kind === "A" || data.kind === "AAAA" ? [data.address] : []));
}

export function rcodeOf(message: Message): number {
  return message.header.flags & 15;
}
