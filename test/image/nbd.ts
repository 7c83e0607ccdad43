import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";

/** https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, fixed newstyle, one export. */
const MAGIC = 0x4e42444d41474943n;
const OPTION = 0x49484156454f5054n;
const OPTION_REPLY = 0x3e889045565a9n;
const REQUEST = 0x25609513;
const REPLY = 0x67446698;
const FLAGS = { fixedNewstyle: 1, noZeroes: 2, hasFlags: 1, sendFlush: 4 } as const;
const OPT = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
const REP = { ack: 1, info: 3, unsupported: 0x80000001 } as const;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const INVALID = 22;

export type DiskEvent =
  | { readonly kind: "write"; readonly offset: number; readonly data: Buffer }
  | { readonly kind: "flush" };

/** A disk over a socket that tells of everything that is written to it, in order. */
export class RecordedDisk {
  readonly #file: number;
  readonly #size: number;
  readonly #server: Server;
  /** What was written while `isRecording`. */
  readonly events: DiskEvent[] = [];
  isRecording = false;

  constructor(path: string, size: number) {
    this.#file = openSync(path, "r+");
    this.#size = size;
    this.#server = createServer((socket) => new Session(socket, this).greet());
  }

  async listen(socket: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(socket, () => resolve()));
  }

  close(): void {
    this.#server.close();
    closeSync(this.#file);
  }

  get size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    readSync(this.#file, bytes, 0, length, offset);
    return bytes;
  }

  write(offset: number, data: Buffer): void {
    writeSync(this.#file, data, 0, data.length, offset);
    if (this.isRecording) this.events.push({ kind: "write", offset, data: Buffer.from(data) });
  }

  flush(): void {
    if (this.isRecording) this.events.push({ kind: "flush" });
  }
}

class Session {
  readonly #socket: Socket;
  readonly #disk: RecordedDisk;
  #pending: Buffer[] = [];
  #length = 0;
  #step: "flags" | "option" | "request" = "flags";

  constructor(socket: Socket, disk: RecordedDisk) {
    this.#socket = socket;
    this.#disk = disk;
  }

  greet(): void {
    const hello = Buffer.alloc(18);
    hello.writeBigUInt64BE(MAGIC, 0);
    hello.writeBigUInt64BE(OPTION, 8);
    hello.writeUInt16BE(FLAGS.fixedNewstyle | FLAGS.noZeroes, 16);
    this.#socket.write(hello);
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("data", (bytes: Buffer) => {
      this.#pending.push(bytes);
      this.#length += bytes.length;
      while (this.#next());
    });
  }

  /** Whether a whole message was there. */
  #next(): boolean {
    if (this.#step === "flags") {
      if (this.#take(4) === undefined) return false;
      this.#step = "option";
      return true;
    }
    return this.#step === "option" ? this.#option() : this.#request();
  }

  #option(): boolean {
    const head = this.#peek(16);
    if (head === undefined) return false;
    const length = head.readUInt32BE(12);
    const message = this.#take(16 + length);
    if (message === undefined) return false;
    const option = head.readUInt32BE(8);
    if (option === OPT.abort) this.#socket.end();
    else if (option === OPT.exportName) {
      this.#socket.write(this.#about().subarray(2));
      this.#step = "request";
    } else if (option === OPT.go || option === OPT.info) {
      this.#replyOption(option, REP.info, this.#about());
      this.#replyOption(option, REP.ack, Buffer.alloc(0));
      if (option === OPT.go) this.#step = "request";
    } else this.#replyOption(option, REP.unsupported, Buffer.alloc(0));
    return true;
  }

  /** NBD_INFO_EXPORT: type, size, flags. */
  #about(): Buffer {
    const about = Buffer.alloc(12);
    about.writeBigUInt64BE(BigInt(this.#disk.size), 2);
    about.writeUInt16BE(FLAGS.hasFlags | FLAGS.sendFlush, 10);
    return about;
  }

  #replyOption(option: number, kind: number, data: Buffer): void {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(OPTION_REPLY, 0);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(kind, 12);
    head.writeUInt32BE(data.length, 16);
    this.#socket.write(Buffer.concat([head, data]));
  }

  #request(): boolean {
    const head = this.#peek(28);
    if (head === undefined) return false;
    const [kind, length] = [head.readUInt16BE(6), head.readUInt32BE(24)];
    const whole = this.#take(kind === COMMAND.write ? 28 + length : 28);
    if (whole === undefined) return false;
    const offset = Number(head.readBigUInt64BE(16));
    const reply = Buffer.alloc(16);
    reply.writeUInt32BE(REPLY, 0);
    head.copy(reply, 8, 8, 16);
    if (kind === COMMAND.read) this.#socket.write(Buffer.concat([reply, this.#disk.read(offset, length)]));
    else if (kind === COMMAND.write || kind === COMMAND.flush) {
      if (head.readUInt32BE(0) === REQUEST && kind === COMMAND.write) this.#disk.write(offset, whole.subarray(28));
      else this.#disk.flush();
      this.#socket.write(reply);
    } else if (kind === COMMAND.disconnect) this.#socket.end();
    else {
      reply.writeUInt32BE(INVALID, 4);
      this.#socket.write(reply);
    }
    return true;
  }

  #peek(length: number): Buffer | undefined {
    if (this.#length < length) return undefined;
    const [first = Buffer.alloc(0)] = this.#pending;
    if (first.length < length) this.#pending = [Buffer.concat(this.#pending)];
    return (this.#pending[0] ?? first).subarray(0, length);
  }

  #take(length: number): Buffer | undefined {
    const taken = this.#peek(length);
    if (taken === undefined) return undefined;
    const [first = Buffer.alloc(0), ...rest] = this.#pending;
    this.#pending = first.length === length ? rest : [first.subarray(length), ...rest];
    this.#length -= length;
    return taken;
  }
}
