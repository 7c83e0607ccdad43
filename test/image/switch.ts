import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";

const LENGTH_BYTES = 4;
const MAC_BYTES = 6;
/** A frame with all of virtio's offloads. */
const MAX_FRAME_BYTES = 69_632;
/** What a machine that stands still does not take is lost, as on any wire. */
const MAX_WAITING_BYTES = 8 * 1024 ** 2;
/** QEMU's router has addresses that begin so, and takes whatever it sees for something it has to send on. */
const ROUTER = "5255";
/** Multicast by IPv4: the local network's own, and nothing for a router. */
const IPV4_MULTICAST = "01005e";

/** IEEE 802.1Q: after both addresses four bytes that begin so. */
const TAGGED = "8100";
const TAG_BYTES = 4;

interface Port {
  readonly socket: Socket;
  isRouter: boolean;
}

/**
 * A switch for machines of QEMU (`-netdev stream`: each frame after its length): what is for one goes to that one alone. The
 * router's port may be one of a VLAN: it hears what has its tag, without it, and nothing else.
 */
export class Switch {
  readonly path: string;
  readonly #server: Server;
  readonly #ports = new Set<Port>();
  readonly #known = new Map<string, Port>();
  readonly #routerVlan: number | undefined;

  private constructor(path: string, routerVlan: number | undefined) {
    this.path = path;
    this.#routerVlan = routerVlan;
    this.#server = createServer((socket) => this.#plug(socket));
  }

  static async open(path: string, routerVlan?: number): Promise<Switch> {
    const made = new Switch(path, routerVlan);
    await new Promise<void>((resolve) => made.#server.listen(path, resolve));
    return made;
  }

  async close(): Promise<void> {
    for (const { socket } of this.#ports) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.path, { force: true });
  }

  #plug(socket: Socket): void {
    const port: Port = { socket, isRouter: false };
    this.#ports.add(port);
    let waiting: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes]);
      let at = 0;
      while (waiting.length - at >= LENGTH_BYTES) {
        const length = waiting.readUInt32BE(at);
        if (length > MAX_FRAME_BYTES) return void socket.destroy();
        const end = at + LENGTH_BYTES + length;
        if (waiting.length < end) break;
        this.#forward(port, waiting.subarray(at, end));
        at = end;
      }
      waiting = waiting.subarray(at);
    });
    // A machine that lost its power ends like that.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#ports.delete(port);
      for (const [address, known] of this.#known) if (known === port) this.#known.delete(address);
    });
  }

  #forward(from: Port, came: Buffer): void {
    const to = came.toString("hex", LENGTH_BYTES, LENGTH_BYTES + MAC_BYTES);
    const source = came.toString("hex", LENGTH_BYTES + MAC_BYTES, LENGTH_BYTES + 2 * MAC_BYTES);
    if (source.startsWith(ROUTER)) from.isRouter = true;
    const vlan = this.#routerVlan;
    const frame = from.isRouter && vlan !== undefined ? tagged(came, vlan) : came;
    this.#known.set(source, from);
    const one = this.#known.get(to);
    if (one !== undefined) return this.#send(one, frame);
    for (const port of this.#ports)
      if (port !== from && !(port.isRouter && to.startsWith(IPV4_MULTICAST))) this.#send(port, frame);
  }

  #send({ socket, isRouter }: Port, frame: Buffer): void {
    const vlan = this.#routerVlan;
    const seen = isRouter && vlan !== undefined ? untagged(frame, vlan) : frame;
    if (seen !== undefined && socket.writableLength < MAX_WAITING_BYTES) socket.write(seen);
  }
}

const HEAD_BYTES = LENGTH_BYTES + 2 * MAC_BYTES;

function tagged(frame: Buffer, vlan: number): Buffer {
  const tag = Buffer.from(`${TAGGED}${vlan.toString(16).padStart(4, "0")}`, "hex");
  const made = Buffer.concat([frame.subarray(0, HEAD_BYTES), tag, frame.subarray(HEAD_BYTES)]);
  made.writeUInt32BE(made.length - LENGTH_BYTES);
  return made;
}

/** Undefined: it is of another VLAN, or of none. */
function untagged(frame: Buffer, vlan: number): Buffer | undefined {
  const end = HEAD_BYTES + TAG_BYTES;
  if (frame.toString("hex", HEAD_BYTES, HEAD_BYTES + 2) !== TAGGED) return undefined;
  if ((frame.readUInt16BE(HEAD_BYTES + 2) & 0xfff) !== vlan) return undefined;
  const made = Buffer.concat([frame.subarray(0, HEAD_BYTES), frame.subarray(end)]);
  made.writeUInt32BE(made.length - LENGTH_BYTES);
  return made;
}
