import { connect, type Socket } from "node:net";

const CONNECTIONS = 16;
const END_OF_HEAD = Buffer.from("\r\n\r\n");

/** Sends `count` requests over a few kept connections, the next one as soon as the last was answered. */
export async function load(port: number, options: { readonly path: string; readonly count: number }): Promise<void> {
  const request = Buffer.from(`GET ${options.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  let left = options.count;
  const next = (): Buffer | undefined => (left-- > 0 ? request : undefined);
  await Promise.all(Array.from({ length: CONNECTIONS }, () => drive(connect(port, "127.0.0.1"), next)));
}

function drive(socket: Socket, next: () => Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    const send = (): void => {
      const request = next();
      if (request === undefined) socket.end(() => resolve());
      else socket.write(request);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("data", (data: Buffer) => {
      held = held.length === 0 ? data : Buffer.concat([held, data]);
      const head = held.indexOf(END_OF_HEAD);
      if (head < 0) return;
      const text = held.toString("latin1", 0, head);
      if (!text.startsWith("HTTP/1.1 200")) return reject(new Error(`not served: ${text}`));
      const size = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
      if (held.length < head + 4 + size) return;
      held = Buffer.alloc(0);
      send();
    });
  });
}
