import { createSocket } from "node:dgram";
import { hostname, networkInterfaces } from "node:os";
import { CodedError } from "#base/env/errors.ts";
import type { Address, DatagramSocket, InterfaceAddress, Net, PeerHandlers, PeerSocket } from "#base/env/net.ts";
import { ipv4Number, Peer } from "./datagram-batch.ts";
import { openBatchedSocket } from "./datagram-fd.ts";
import { addressOf, cannotListen, connectStream, listenStreams, plainHost } from "./streams.ts";
import { codeOf } from "./system-error.ts";

export const systemNet: Net = {
  listen: listenStreams,
  connect: connectStream,
  bind: bindDatagrams,
  dial: dialDatagrams,
  interfaces: listInterfaces,
  hostname: () => hostname(),
};

async function bindDatagrams(
  at: Address,
  onDatagram: (data: Uint8Array, from: Address) => void,
  { batched = false }: { readonly batched?: boolean } = {},
): Promise<DatagramSocket> {
  const own = batched ? await openBatchedSocket(at) : undefined;
  const socket = createSocket(at.host.includes(":") ? "udp6" : "udp4");
  let open = true;
  if (own === undefined) {
    socket.on("message", (data, from) => onDatagram(data, { host: plainHost(from.address), port: from.port }));
  } else {
    socket.on("message", (data, from) => {
      const peer = new Peer(ipv4Number(from.address) ?? 0, from.port);
      own.batch.run(() => onDatagram(data, peer), onDatagram);
    });
  }
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => reject(cannotListen(error, at)));
    socket.bind(own === undefined ? { address: at.host, port: at.port } : { fd: own.fd }, () => {
      // A peer's ICMP answer to something we sent; datagrams promise nothing.
      socket.on("error", () => {});
      resolve({
        address: addressOf(socket.address(), at),
        send(data, to) {
          if (!open || (own !== undefined && to instanceof Peer && own.batch.queue(data, to))) return;
          socket.send(data, to.port, to.host, () => {});
        },
        close: () => {
          if (!open) return Promise.resolve();
          open = false;
          return new Promise((closed) => socket.close(() => closed()));
        },
      });
    });
  });
}

function dialDatagrams(to: Address, { onDatagram, onRefused }: PeerHandlers): Promise<PeerSocket> {
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
