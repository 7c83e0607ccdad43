import type { Address } from "#base/env/net.ts";
import { BATCH_SIZE, DatagramBatch, ipv4Number } from "./datagram-batch.ts";

/** socket(2) of Linux. */
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
/** Datagrams may wait for the event loop's turn. */
const RECEIVE_BUFFER_BYTES = 1 << 20;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

export interface BatchedSocket {
  /** Bound; Node takes it over. */
  readonly fd: number;
  readonly batch: DatagramBatch;
}

/**
 * A bound IPv4 socket that takes and sends datagrams in batches. Undefined where this runtime cannot make one
 * (`node:ffi` is experimental), or the address cannot be had: the ordinary way then works, or says why not.
 */
export async function openBatchedSocket(at: Address): Promise<BatchedSocket | undefined> {
  const ip = ipv4Number(at.host);
  if (ip === undefined || process.arch === "ia32" || process.arch === "arm") return undefined;
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
      bind: { return: "i32", arguments: ["i32", "u64", "u32"] },
      close: { return: "i32", arguments: ["i32"] },
      setsockopt: { return: "i32", arguments: ["i32", "i32", "i32", "u64", "u32"] },
      recvmmsg: { return: "i32", arguments: ["i32", "u64", "u32", "i32", "u64"] },
      sendmmsg: { return: "i32", arguments: ["i32", "u64", "u32", "i32"] },
    });
    const fd = Number(libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return undefined;
    const address = new ArrayBuffer(16);
    const view = new DataView(address);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, at.port);
    view.setUint32(4, ip);
    const size = new Uint32Array([RECEIVE_BUFFER_BYTES]).buffer;
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, getRawPointer(size), 4);
    if (Number(libc.bind(fd, getRawPointer(address), 16)) !== 0) {
      libc.close(fd);
      return undefined;
    }
    const calls = {
      receive: (heads: bigint) => Number(libc.recvmmsg(fd, heads, BATCH_SIZE, MSG_DONTWAIT, 0n)),
      send: (heads: bigint, count: number) => Number(libc.sendmmsg(fd, heads, count, MSG_DONTWAIT)),
    };
    return { fd, batch: new DatagramBatch(calls, getRawPointer) };
  } catch {
    return undefined;
  }
}
