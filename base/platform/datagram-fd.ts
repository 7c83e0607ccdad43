import { isIP } from "node:net";
import type { Address, DatagramAnswer, ServeOptions } from "#base/env/net.ts";
import { ipv6Bytes } from "#base/protocol/dns/address.ts";
import { DatagramBatch, ipv4Number, type BatchOptions } from "./datagram-batch.ts";
import { BATCH_SIZE } from "./datagram-slots.ts";

/** socket(2), socket(7), ipv6(7) of Linux. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
/** The kernel adds up to as much again (prctl(2), PR_SET_TIMERSLACK). */
const REST_NS = 50_000n;
/** Datagrams may wait for the event loop's turn. */
const RECEIVE_BUFFER_BYTES = 1 << 20;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_BINDTODEVICE = 25;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface BatchedSocket {
  /** Bound; Node takes it over. */
  readonly fd: number;
  readonly batch: DatagramBatch;
}

export interface BatchedOptions extends ServeOptions, Pick<BatchOptions, "sendOne"> {
  readonly answer: DatagramAnswer;
  /** Takes and sends, broadcasts too, on this interface only. */
  readonly device?: string | undefined;
}

/**
 * A bound socket that takes and sends datagrams in batches. Undefined where this runtime cannot make one
 * (`node:ffi` is experimental), or the address cannot be had: the ordinary way then works, or says why not.
 */
export async function openBatchedSocket(
  at: Address,
  { answer, sendOne, device, reusePort = false }: BatchedOptions,
): Promise<BatchedSocket | undefined> {
  const address = socketAddress(at);
  if (address === undefined || process.arch === "ia32" || process.arch === "arm") return undefined;
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
      bind: { return: "i32", arguments: ["i32", "u64", "u32"] },
      close: { return: "i32", arguments: ["i32"] },
      setsockopt: { return: "i32", arguments: ["i32", "i32", "i32", "u64", "u32"] },
      recvmmsg: { return: "i32", arguments: ["i32", "u64", "u32", "i32", "u64"] },
      sendmmsg: { return: "i32", arguments: ["i32", "u64", "u32", "i32"] },
      nanosleep: { return: "i32", arguments: ["u64", "u64"] },
    });
    const pause = new BigInt64Array([0n, REST_NS]).buffer;
    const isV6 = address.byteLength > 16;
    const fd = Number(libc.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return undefined;
    const set = (level: number, option: number, value: number): void => {
      const word = new Uint32Array([value]).buffer;
      libc.setsockopt(fd, level, option, getRawPointer(word), 4);
    };
    set(SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    if (reusePort) set(SOL_SOCKET, SO_REUSEPORT, 1);
    if (isV6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (device !== undefined) {
      const name = new TextEncoder().encode(`${device}\0`).slice().buffer;
      set(SOL_SOCKET, SO_REUSEADDR, 1);
      set(SOL_SOCKET, SO_BROADCAST, 1);
      if (Number(libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, getRawPointer(name), name.byteLength)) !== 0) {
        libc.close(fd);
        return undefined;
      }
    }
    if (Number(libc.bind(fd, getRawPointer(address), address.byteLength)) !== 0) {
      libc.close(fd);
      return undefined;
    }
    const calls = {
      receive: (heads: bigint) => Number(libc.recvmmsg(fd, heads, BATCH_SIZE, MSG_DONTWAIT, 0n)),
      send: (heads: bigint, count: number) => Number(libc.sendmmsg(fd, heads, count, MSG_DONTWAIT)),
      rest: () => void libc.nanosleep(getRawPointer(pause), 0n),
    };
    return { fd, batch: new DatagramBatch(calls, answer, { isV6, pointerOf: getRawPointer, sendOne }) };
  } catch {
    return undefined;
  }
}

/** `struct sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)). */
export function socketAddress(at: Address): ArrayBuffer | undefined {
  const family = isIP(at.host);
  if (family === 0 || at.host.includes("%")) return undefined;
  const address = new ArrayBuffer(family === 4 ? 16 : 28);
  const view = new DataView(address);
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, at.port);
  if (family === 4) view.setInt32(4, ipv4Number(at.host) ?? 0);
  else new Uint8Array(address).set(ipv6Bytes(at.host) ?? [], 8);
  return address;
}
