import type { Address } from "./net.ts";

/** One interface of this machine, for services that speak to neighbours without addresses: DHCP. IPv4. */
export interface LanPort {
  /** The interface's name; empty: any of them, for what is routed here. */
  readonly interface: string;
  /** By ordinary routing; 255.255.255.255 reaches everybody on the interface. */
  send(data: Uint8Array, to: Address): void;
  /** To a hardware address, whatever the neighbour's own idea of its address is. False: this system cannot; broadcast instead. */
  sendTo(data: Uint8Array, to: Neighbour): boolean;
  /** Whose hardware address answers for an address within `waitMs`; undefined: nobody's. */
  whoHas(ip: string, waitMs: number): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface Neighbour extends Address {
  /** `52:54:00:12:34:56`. */
  readonly mac: string;
}

export interface Lan {
  /**
   * Rejects with the system's code. What the handler gets is its own only until it returns. Where the system gives no
   * sockets of one interface, the first port takes the packets of all, and a second one is refused (`ENOTSUP`).
   */
  open(
    at: { readonly interface: string; readonly port: number },
    onDatagram: (data: Uint8Array, from: Address) => void,
  ): Promise<LanPort>;
}
