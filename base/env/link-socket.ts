import type { Address, DatagramSocket } from "./net.ts";

/** A socket for a group of IPv4 (RFC 1112) on one link: what it sends stays on that link, and goes there by its address. */
export interface LinkSockets {
  /** `address`: own on that link. Rejects with the system's code. */
  open(
    at: { readonly group: string; readonly port: number; readonly address: string },
    onDatagram: (data: Uint8Array, from: Address) => void,
  ): Promise<DatagramSocket>;
}
