import { createSocket } from "node:dgram";
import { isIP } from "node:net";
import type { Address, PeerHandlers, PeerSocket } from "#base/env/net.ts";
import { socketAddress } from "./datagram-fd.ts";
import { BATCH_SIZE, Slots } from "./datagram-slots.ts";
import { codeOf } from "./system-error.ts";

/** socket(2) of Linux. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const RECEIVE_BYTES = 4096;
const SEND_BYTES = 1500;

interface Libc {
  connect(at: Address): number | undefined;
  receive(fd: number, heads: bigint): number;
  send(fd: number, heads: bigint, count: number): number;
}

interface Shared {
  readonly libc: Libc;
  readonly in: Slots;
  readonly out: Slots;
  /** Whose datagrams wait in `out`. */
  owner: number;
  queued: number;
  isPlanned: boolean;
}

/**
 * Makes sockets that speak to one peer and send what is written within a turn of the event loop in one call. All share
 * their memory, so that many of them cost little. The dialer answers undefined where this runtime cannot do that.
 */
export function createBatchedDialer(): (to: Address, handlers: PeerHandlers) => Promise<PeerSocket | undefined> {
  let shared: Promise<Shared | undefined> | undefined;
  return async (to, handlers) => {
    if (isIP(to.host) === 0) return undefined;
    shared ??= openShared();
    const own = await shared;
    const fd = own?.libc.connect(to);
    return own === undefined || fd === undefined ? undefined : open(own, fd, handlers);
  };
}

function open(shared: Shared, fd: number, { onDatagram, onRefused }: PeerHandlers): Promise<PeerSocket> {
  const socket = createSocket("udp4");
  let isOpen = true;
  const close = (): Promise<void> => {
    if (!isOpen) return Promise.resolve();
    if (shared.owner === fd) flush(shared);
    isOpen = false;
    return new Promise((closed) => socket.close(() => closed()));
  };
  socket.on("message", (data) => {
    onDatagram(data);
    let count = BATCH_SIZE;
    while (count === BATCH_SIZE && isOpen) {
      count = shared.libc.receive(fd, shared.in.heads);
      for (let i = 0; i < count; i++) if (!shared.in.isCut(i)) onDatagram(shared.in.received(i));
    }
  });
  return new Promise((resolve) => {
    socket.on("error", (error) => {
      onRefused(codeOf(error));
      void close();
    });
    socket.bind({ fd }, () => {
      resolve({
        send(data) {
          if (isOpen) queue(shared, fd, data);
        },
        close,
      });
    });
  });
}

function queue(shared: Shared, fd: number, data: Uint8Array): void {
  if (data.length > SEND_BYTES) return;
  if (shared.owner !== fd || shared.queued === BATCH_SIZE) flush(shared);
  shared.owner = fd;
  shared.out.bytes.set(data, shared.out.data(shared.queued));
  shared.out.setLength(shared.queued, data.length);
  shared.queued += 1;
  if (shared.isPlanned) return;
  shared.isPlanned = true;
  setImmediate(() => {
    shared.isPlanned = false;
    flush(shared);
  });
}

/** What the kernel does not take is lost, as datagrams may be. */
function flush(shared: Shared): void {
  if (shared.queued > 0) shared.libc.send(shared.owner, shared.out.heads, shared.queued);
  shared.queued = 0;
}

async function openShared(): Promise<Shared | undefined> {
  if (process.arch === "ia32" || process.arch === "arm") return undefined;
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
      connect: { return: "i32", arguments: ["i32", "u64", "u32"] },
      close: { return: "i32", arguments: ["i32"] },
      recvmmsg: { return: "i32", arguments: ["i32", "u64", "u32", "i32", "u64"] },
      sendmmsg: { return: "i32", arguments: ["i32", "u64", "u32", "i32"] },
    });
    const calls: Libc = {
      connect(at) {
        const address = socketAddress(at);
        if (address === undefined) return undefined;
        const family = address.byteLength > 16 ? AF_INET6 : AF_INET;
        const fd = Number(libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (fd < 0) return undefined;
        if (Number(libc.connect(fd, getRawPointer(address), address.byteLength)) === 0) return fd;
        libc.close(fd);
        return undefined;
      },
      receive: (fd, heads) => Number(libc.recvmmsg(fd, heads, BATCH_SIZE, MSG_DONTWAIT, 0n)),
      send: (fd, heads, count) => Number(libc.sendmmsg(fd, heads, count, MSG_DONTWAIT)),
    };
    const slots = (bytes: number): Slots => new Slots(bytes, 0, getRawPointer);
    return { libc: calls, in: slots(RECEIVE_BYTES), out: slots(SEND_BYTES), owner: -1, queued: 0, isPlanned: false };
  } catch {
    return undefined;
  }
}
