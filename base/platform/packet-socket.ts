/** packet(7) of Linux. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const SOCKADDR_LL_BYTES = 20;
const FRAME_BYTES = 2048;

/** Whole frames of one interface. */
export interface PacketSocket {
  send(frame: Uint8Array): boolean;
  /** The next frame that waits. */
  receive(): Uint8Array | undefined;
  close(): void;
}

/** Takes frames of `protocol` (0: none). Undefined where this runtime or this user cannot have such a socket. */
export async function openPacketSocket(name: string, protocol: number): Promise<PacketSocket | undefined> {
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
      bind: { return: "i32", arguments: ["i32", "u64", "u32"] },
      close: { return: "i32", arguments: ["i32"] },
      if_nametoindex: { return: "u32", arguments: ["u64"] },
      sendto: { return: "i64", arguments: ["i32", "u64", "u64", "i32", "u64", "u32"] },
      recv: { return: "i64", arguments: ["i32", "u64", "u64", "i32"] },
    });
    const nameBytes = new TextEncoder().encode(`${name}\0`).slice().buffer;
    const index = Number(libc.if_nametoindex(getRawPointer(nameBytes)));
    if (index === 0) return undefined;
    const swapped = ((protocol & 0xff) << 8) | (protocol >>> 8);
    const fd = Number(libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, swapped));
    if (fd < 0) return undefined;
    const address = new ArrayBuffer(SOCKADDR_LL_BYTES);
    const view = new DataView(address);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, protocol);
    view.setInt32(4, index, true);
    view.setUint8(11, 6);
    if (Number(libc.bind(fd, getRawPointer(address), SOCKADDR_LL_BYTES)) !== 0) {
      libc.close(fd);
      return undefined;
    }
    const room = new ArrayBuffer(FRAME_BYTES);
    const bytes = new Uint8Array(room);
    return {
      send(frame) {
        if (frame.length > FRAME_BYTES) return false;
        bytes.set(frame);
        new Uint8Array(address).set(frame.subarray(0, 6), 12);
        const length = BigInt(frame.length);
        return (
          Number(
            libc.sendto(fd, getRawPointer(room), length, MSG_DONTWAIT, getRawPointer(address), SOCKADDR_LL_BYTES),
          ) === frame.length
        );
      },
      receive() {
        const length = Number(libc.recv(fd, getRawPointer(room), BigInt(FRAME_BYTES), MSG_DONTWAIT));
        return length > 0 ? bytes.slice(0, length) : undefined;
      },
      close: () => void libc.close(fd),
    };
  } catch {
    return undefined;
  }
}
