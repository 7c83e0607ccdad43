import { createSocket } from "node:dgram";
import { hostname, networkInterfaces } from "node:os";
import { CodedError } from "#base/env/errors.ts";
import { MAX_DATAGRAM_ANSWER_BYTES } from "#base/env/net.ts";
import type {
  Address,
  DatagramAnswer,
  DatagramSocket,
  InterfaceAddress,
  Net,
  PeerHandlers,
  PeerSocket,
  ServeOptions,
} from "#base/env/net.ts";
import { bound } from "./bound-socket.ts";
import { createBatchedDialer } from "./datagram-dial.ts";
import { openBatchedSocket } from "./datagram-fd.ts";
import { connectStream, listenStreams, plainHost } from "./streams.ts";
import { codeOf } from "./system-error.ts";

export const systemNet: Net = {
  listen: listenStreams,
  connect: connectStream,
  bind: bindDatagrams,
  serve: serveDatagrams,
  dial: dialDatagrams,
  interfaces: listInterfaces,
  hostname: () => hostname(),
};

function bindDatagrams(at: Address, onDatagram: (data: Uint8Array, from: Address) => void): Promise<DatagramSocket> {
  const socket = createSocket(at.host.includes(":") ? "udp6" : "udp4");
  socket.on("message", (data, from) => onDatagram(data, { host: plainHost(from.address), port: from.port }));
  return bound(socket, at, { address: at.host, port: at.port });
}

async function serveDatagrams(
  at: Address,
  answer: DatagramAnswer,
  { reusePort = false }: ServeOptions = {},
): Promise<DatagramSocket> {
  const sendOne = (data: Uint8Array, to: Address): void => {
    if (isOpen) socket.send(data, to.port, to.host, () => {});
  };
  let isOpen = true;
  const own = await openBatchedSocket(at, { answer, sendOne, reusePort });
  const isV6 = at.host.includes(":");
  // The kernel refuses the flag for IPv4 (EINVAL), before it says that the port is taken.
  const socket = createSocket({ type: isV6 ? "udp6" : "udp4", reusePort, ipv6Only: isV6 });
  socket.once("close", () => {
    isOpen = false;
    own?.batch.close();
  });
  if (own !== undefined) {
    socket.on("message", (data, from) => own.batch.run(data, from));
    const served = await bound(socket, at, { fd: own.fd });
    return {
      ...served,
      send(data, to) {
        if (!own.batch.later(data, to)) served.send(data, to);
      },
      close() {
        own.batch.close();
        return served.close();
      },
    };
  }
  const out = new Uint8Array(MAX_DATAGRAM_ANSWER_BYTES);
  socket.on("message", (data, from) => {
    const to = { host: plainHost(from.address), port: from.port };
    const length = answer(data, to, out);
    if (length > 0) sendOne(out.slice(0, length), to);
  });
  return bound(socket, at, { address: at.host, port: at.port });
}

async function dialDatagrams(to: Address, handlers: PeerHandlers): Promise<PeerSocket> {
  return (await dialBatched(to, handlers)) ?? dialPlain(to, handlers);
}

const dialBatched = createBatchedDialer();

function dialPlain(to: Address, { onDatagram, onRefused }: PeerHandlers): Promise<PeerSocket> {
  const socket = createSocket(to.host.includes(":") ? "udp6" : "udp4");
  let open = true;
  const close = (): Promise<void> => {
    if (!open) return Promise.resolve();
    open = false;
    return new Promise((closed) => socket.close(() => closed()));
  };
  socket.on("message", (data) => onDatagram(data));
  return new Promise((resolve, reject) => {
    socket.on("error", (error) => {
      onRefused(codeOf(error));
      void close();
      reject(new CodedError(codeOf(error), `cannot reach ${to.host}:${to.port}: ${codeOf(error)}`));
    });
    socket.connect(to.port, to.host, () => {
      resolve({
        send(data) {
          if (open)
            socket.send(data, (error) => void (error !== null && error !== undefined && onRefused(codeOf(error))));
        },
        close,
      });
    });
  });
}

function listInterfaces(): readonly InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map((each) => ({
      name,
      address: each.address,
      family: each.family === "IPv4" ? (4 as const) : (6 as const),
      cidr: each.cidr ?? `${each.address}/${each.family === "IPv4" ? 32 : 128}`,
      mac: each.mac,
      internal: each.internal,
    })),
  );
}
