import { spawn } from "node:child_process";
import http2 from "node:http2";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

/** etcd as its own clients drive it: gRPC over HTTP/2, several connections. Messages: https://etcd.io/docs/v3.4/learning/api/ */
export interface Etcd {
  put(key: string, value: string): Promise<void>;
  /** All in one transaction. */
  putAll(records: readonly (readonly [key: string, value: string])[]): Promise<void>;
  /** Calls back for every answer of a watch on everything under the prefix. */
  watch(prefix: string, onEvents: () => void): Promise<void>;
  stop(): Promise<void>;
}

const CONNECTIONS = 4;

/** One member on free loopback ports, its data in `folder`, fsync as by default. */
export async function startEtcd(folder: string): Promise<Etcd> {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const argv = ["--data-dir", join(folder, "etcd"), "--listen-client-urls", url, "--advertise-client-urls", url];
  argv.push("--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl);
  argv.push("--initial-cluster", `default=${peerUrl}`, "--max-txn-ops", "2000", "--quota-backend-bytes", `${4 << 30}`);
  argv.push("--log-level", "error");
  const child = spawn("etcd", argv, { stdio: "ignore" });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const sessions = await connect(url);
  let turn = 0;
  const call = (path: string, message: Buffer) => unary(sessions[turn++ % CONNECTIONS]!, path, message);
  return {
    put: (key, value) => call("/etcdserverpb.KV/Put", putRequest(key, value)),
    putAll: (records) => {
      const ops = records.map(([key, value]) => field(2, field(2, putRequest(key, value))));
      return call("/etcdserverpb.KV/Txn", Buffer.concat(ops));
    },
    watch: (prefix, onEvents) => watch(sessions[0]!, prefix, onEvents),
    stop: async () => {
      for (const session of sessions) session.destroy();
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function connect(url: string): Promise<http2.ClientHttp2Session[]> {
  for (let tries = 0; ; tries++) {
    const sessions = Array.from({ length: CONNECTIONS }, () => http2.connect(url));
    for (const session of sessions) session.on("error", () => {});
    try {
      await unary(sessions[0]!, "/etcdserverpb.KV/Put", putRequest("ready", ""));
      return sessions;
    } catch (thrown) {
      for (const session of sessions) session.destroy();
      if (tries === 100) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function unary(session: http2.ClientHttp2Session, path: string, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = open(session, path);
    stream.on("trailers", ({ "grpc-status": status, "grpc-message": text }) =>
      status === "0" ? resolve() : reject(new Error(`etcd ${path}: ${status} ${text}`)),
    );
    stream.on("error", reject);
    stream.on("close", () => reject(new Error(`etcd ${path}: closed`)));
    stream.resume();
    stream.end(framed(message));
  });
}

async function watch(session: http2.ClientHttp2Session, prefix: string, onEvents: () => void): Promise<void> {
  const stream = open(session, "/etcdserverpb.Watch/Watch");
  stream.on("error", () => {});
  stream.write(
    framed(field(1, Buffer.concat([field(1, Buffer.from(prefix)), field(2, Buffer.from(`${prefix}\u007f`))]))),
  );
  // The first answer says that the watch stands.
  await new Promise((resolve) => stream.once("data", resolve));
  stream.on("data", onEvents);
}

function open(session: http2.ClientHttp2Session, path: string): http2.ClientHttp2Stream {
  return session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
}

function putRequest(key: string, value: string): Buffer {
  return Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]);
}

/** A length-delimited protobuf field: https://protobuf.dev/programming-guides/encoding/ */
function field(number: number, bytes: Buffer): Buffer {
  const head = [(number << 3) | 2];
  let length = bytes.length;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  head.push(length);
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** gRPC's prefix: not compressed, length. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
