import { spawn } from "node:child_process";
import type { SerialPort } from "serialport";
import type { SerialInputs, SerialLine, SerialOutputs, SerialPorts, SerialSettings } from "#base/env/serial.ts";

/** Serial ports by the `serialport` package, which is loaded when a port is asked for: most nodes have none. */
export function createSerialPorts(): SerialPorts {
  return {
    async list() {
      const { SerialPort: Port } = await import("serialport");
      const ports = await Port.list();
      return ports.map(({ path, manufacturer, serialNumber, vendorId, productId }) => ({
        path,
        manufacturer,
        serialNumber,
        vendorId,
        productId,
      }));
    },
    async open(path, settings) {
      const { SerialPort: Port } = await import("serialport");
      const port = await new Promise<SerialPort>((resolve, reject) => {
        const made: SerialPort = new Port(
          { path, baudRate: settings.baudRate, autoOpen: true, lock: true, hupcl: false },
          (error) => (error === null ? resolve(made) : reject(new Error(plain(error.message, path)))),
        );
      });
      const line = new OpenLine(path, port);
      await line.configure(settings);
      return line;
    },
  };
}

class OpenLine implements SerialLine {
  readonly #path: string;
  readonly #port: SerialPort;
  /** As the kernel raises them when it opens a port. */
  #outputs = { dtr: true, rts: true, brk: false };

  constructor(path: string, port: SerialPort) {
    this.#path = path;
    this.#port = port;
  }

  onData(handler: (data: Uint8Array) => void | Promise<void>): void {
    this.#port.on("data", (data: Buffer) => {
      const taken = handler(data);
      if (taken === undefined) return;
      this.#port.pause();
      const go = (): void => void this.#port.resume();
      taken.then(go, go);
    });
  }

  onClose(handler: (error?: Error) => void): void {
    // A read that fails closes the port and comes with why; what else fails is told to who asked for it.
    this.#port.on("error", () => {});
    this.#port.once("close", (error: Error | null | undefined) => handler(error ?? undefined));
  }

  write(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#port.isOpen) return reject(new Error(`${this.#path} is closed`));
      this.#port.write(Buffer.from(data), (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      );
    });
  }

  async configure(settings: SerialSettings): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#port.update({ baudRate: settings.baudRate }, (error) => (error === null ? resolve() : reject(error)));
    });
    const fd = this.#port.port?.fd;
    if (fd === null || fd === undefined) throw new Error(`${this.#path} is closed`);
    await stty(fd, sttyWords(settings));
  }

  set({ dtr, rts, brk }: SerialOutputs): Promise<void> {
    // What is not named, the package would switch to its own default.
    const next = { dtr: dtr ?? this.#outputs.dtr, rts: rts ?? this.#outputs.rts, brk: brk ?? this.#outputs.brk };
    this.#outputs = next;
    return new Promise((resolve, reject) => {
      this.#port.set(next, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  inputs(): Promise<SerialInputs | undefined> {
    return new Promise((resolve) => {
      this.#port.get((error, status) => {
        if (error !== null || status === undefined) return resolve(undefined);
        resolve({ cts: status.cts, dsr: status.dsr, dcd: status.dcd });
      });
    });
  }

  flush(): Promise<void> {
    return new Promise((resolve, reject) => this.#port.flush((error) => (error === null ? resolve() : reject(error))));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#port.isOpen) return resolve();
      this.#port.close(() => resolve());
    });
  }
}

/** `Error: No such file or directory, cannot open /dev/x` without what its reader knows already. */
function plain(message: string, path: string): string {
  return message.replace(/^Error: /, "").replace(`, cannot open ${path}`, "");
}

/** Of the port as it is open here: it is locked against being opened once more. */
async function stty(fd: number, words: readonly string[]): Promise<void> {
  const child = spawn("stty", [...words], { stdio: [fd, "ignore", "pipe"] });
  const said: Buffer[] = [];
  child.stderr?.on("data", (data: Buffer) => said.push(data));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(Buffer.concat(said).toString("utf8").trim()));
    });
  });
}

/** stty(1), which changes a port that is open: the package sets all but the speed only when it opens one. */
function sttyWords({ dataBits, parity, stopBits, flow }: SerialSettings): readonly string[] {
  const parities = {
    none: ["-parenb", "-cmspar"],
    even: ["parenb", "-parodd", "-cmspar"],
    odd: ["parenb", "parodd", "-cmspar"],
    mark: ["parenb", "parodd", "cmspar"],
    space: ["parenb", "-parodd", "cmspar"],
  } as const satisfies Record<SerialSettings["parity"], readonly string[]>;
  return [
    `cs${dataBits}`,
    ...parities[parity],
    // With five bits the kernel's second stop bit is half a one (termios(3)).
    stopBits === 1 ? "-cstopb" : "cstopb",
    ...(flow === "rtscts" ? ["crtscts"] : ["-crtscts"]),
    ...(flow === "xonxoff" ? ["ixon", "ixoff"] : ["-ixon", "-ixoff"]),
  ];
}
