import type { Address, DatagramSocket } from "./net.ts";

/** Where a datagram came from: the interface is known where the sender's address is of its link alone. */
export interface GroupPeer extends Address {
  /** Empty: a route brought it. */
  readonly interface: string;
}

/** A port that also takes what is sent to a group of IPv6 (RFC 4291 §2.7) on some interfaces. */
export interface GroupSocket extends DatagramSocket {
  /** Rejects with the system's code where that interface cannot (yet). */
  join(interfaceName: string): Promise<void>;
}

export interface GroupSockets {
  open(
    at: { readonly group: string; readonly port: number },
    onDatagram: (data: Uint8Array, from: GroupPeer) => void,
  ): Promise<GroupSocket>;
}
