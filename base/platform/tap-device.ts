const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** if_tun.h of Linux: _IOW('T', 202, int). */
const TUNSETIFF = 0x4004_54ca;
const IFF_TAP = 2;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;
const FRAME_BYTES = 65_536;

/** One end of a network device whose other end is this program: whole Ethernet frames. It is gone when the program is. */
export interface TapDevice {
  /** The next frame that waits. */
  receive(): Uint8Array | undefined;
  /** False: it was not taken, and is lost. */
  send(frame: Uint8Array): boolean;
  close(): void;
}

/** Undefined where this runtime or this user cannot have one. https://docs.kernel.org/networking/tuntap.html */
export async function openTapDevice(name: string): Promise<TapDevice | undefined> {
  try {
    const { dlopen, getRawPointer } = await import("node:ffi");
    const { functions: libc } = dlopen("libc.so.6", {
      open: { return: "i32", arguments: ["u64", "i32"] },
      ioctl: { return: "i32", arguments: ["i32", "u64", "u64"] },
      read: { return: "i64", arguments: ["i32", "u64", "u64"] },
      write: { return: "i64", arguments: ["i32", "u64", "u64"] },
      close: { return: "i32", arguments: ["i32"] },
    });
    const path = new TextEncoder().encode("/dev/net/tun\0").slice().buffer;
    const fd = Number(libc.open(getRawPointer(path), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd < 0) return undefined;
    const request = new ArrayBuffer(IFREQ_BYTES);
    new Uint8Array(request).set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1));
    new DataView(request).setInt16(NAME_BYTES, IFF_TAP | IFF_NO_PI, true);
    if (Number(libc.ioctl(fd, BigInt(TUNSETIFF), getRawPointer(request))) !== 0) {
      libc.close(fd);
      return undefined;
    }
    const room = new ArrayBuffer(FRAME_BYTES);
    const bytes = new Uint8Array(room);
    return {
      receive() {
        const length = Number(libc.read(fd, getRawPointer(room), BigInt(FRAME_BYTES)));
        return length > 0 ? bytes.slice(0, length) : undefined;
      },
      send(frame) {
        bytes.set(frame);
        return Number(libc.write(fd, getRawPointer(room), BigInt(frame.length))) === frame.length;
      },
      close: () => void libc.close(fd),
    };
  } catch {
    return undefined;
  }
}
