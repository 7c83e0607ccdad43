import type { BindOptions, Socket } from "node:dgram";
import type { Address, DatagramSocket } from "#base/env/net.ts";
import { addressOf, cannotListen } from "./streams.ts";

/** Binds a socket, which from then on is sent from and closed by what this resolves with. Rejects with a `CodedError`. */
export function bound(socket: Socket, at: Address, to: BindOptions): Promise<DatagramSocket> {
  let open = true;
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => reject(cannotListen(error, at)));
    socket.bind(to, () => {
      // A peer's ICMP answer to something we sent; datagrams promise nothing.
      socket.on("error", () => {});
      resolve({
        address: addressOf(socket.address(), at),
        send(data, peer) {
          // It may leave only later, when the caller's memory says something else.
          if (open) socket.send(Buffer.from(data), peer.port, peer.host, () => {});
        },
        close: () => {
          if (!open) return Promise.resolve();
          open = false;
          return new Promise((closed) => socket.close(() => closed()));
        },
      });
    });
  });
}
