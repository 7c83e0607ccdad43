import http from "node:http";
import net from "node:net";

/** Everything the server sends on one raw connection until it closes it. */
export function rawTalk(port: number, text: string, keepOpen = false): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = net.connect(port, "127.0.0.1", () => (keepOpen ? socket.write(text) : socket.end(text)));
    socket.on("data", (data) => (answer += data.toString()));
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}

/** Sends zeros as fast as the server takes them, until it answered. */
export function upload(
  port: number,
  bytes: number,
  declared: boolean,
): Promise<{ status: number; text: string; sent: number }> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = false;
    const chunk = Buffer.alloc(64 * 1024);
    const call = http.request(
      { port, host: "127.0.0.1", method: "PUT", headers: declared ? { "content-length": bytes } : {} },
      (response) => {
        answered = true;
        let text = "";
        response.on("data", (data) => (text += data));
        response.on("end", () => {
          call.destroy();
          resolve({ status: response.statusCode!, text, sent });
        });
      },
    );
    call.on("error", (error) => !answered && reject(error));
    const more = (): void => {
      while (!answered && sent < bytes) {
        sent += chunk.length;
        if (!call.write(chunk)) {
          call.once("drain", more);
          return;
        }
      }
      if (!answered) call.end();
    };
    more();
  });
}

export function opened(port: number): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => {});
  });
}

export function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.destroy();
  });
}
