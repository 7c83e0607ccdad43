import type { Duplex } from "node:stream";
import { codeOf } from "./system-error.ts";

/**
 * What the parser could not take, answered in plain text before the connection is closed. What failed below HTTP is no request
 * to answer: whoever was too slow to agree on keys would read a refusal, and not ask again.
 */
export function refuseMalformed(error: Error, socket: Duplex): void {
  const code = codeOf(error);
  if (!socket.writable || !(code.startsWith("HPE_") || code === "ERR_HTTP_REQUEST_TIMEOUT")) {
    socket.destroy();
    return;
  }
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return refuse(socket, "431 Request Header Fields Too Large", "the request's headers are too large");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return refuse(socket, "408 Request Timeout", "the request was not complete in time");
    default:
      return refuse(socket, "400 Bad Request", `this is not an HTTP request: ${error.message}`);
  }
}

export function refuseTunnel(socket: Duplex): void {
  refuse(socket, "405 Method Not Allowed", "this server is no proxy");
}

function refuse(socket: Duplex, status: string, text: string): void {
  const body = `${text}\n`;
  socket.on("error", () => {});
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
