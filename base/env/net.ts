export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * A connected byte stream. `onData` is called in order; while the promise it returned is pending nothing is read, so that a
 * slow taker slows the sender. After `onClose` nothing more comes.
 */
export interface Stream {
  readonly remote: Address;
  readonly local: Address;
  onData(handler: (data: Uint8Array) => void | Promise<void>): void;
  /** Called once, with an error when the peer or the network broke the stream. */
  onClose(handler: (error?: Error) => void): void;
  /** Resolves when the system took the bytes; the caller awaits it to honour back pressure. */
  write(data: Uint8Array): Promise<void>;
  /** Half-close after what was written. */
  end(): void;
  destroy(): void;
}

export interface Listener {
  readonly address: Address;
  close(): Promise<void>;
}

export interface DatagramSocket {
  readonly address: Address;
  send(data: Uint8Array, to: Address): void;
  close(): Promise<void>;
}

/** Where a datagram came from. */
export interface DatagramPeer extends Address {
  /** The IPv4 address as 32 bits (a signed number), where it is known without making text of it. */
  readonly ip?: number;
}

/**
 * Looks at one datagram and writes what is answered at once into `out` (4096 bytes): the answer's length, or 0 when there
 * is none, or none yet. `data` and `out` are its own only until it returns.
 */
export type DatagramAnswer = (data: Uint8Array, from: DatagramPeer, out: Uint8Array) => number;

/** Longest answer of a {@link DatagramAnswer}. */
export const MAX_DATAGRAM_ANSWER_BYTES = 4096;

/** A certificate to speak TLS with, in PEM. */
export interface ListenTls {
  readonly cert: string;
  readonly key: string;
  /** Protocols that may be agreed on (ALPN). */
  readonly protocols?: readonly string[];
}

export interface ServeOptions {
  /** Several sockets, of several processes, share the port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
}

export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** Default true. */
  readonly verify?: boolean;
}

export interface ConnectOptions extends Address {
  /** A Unix socket to dial instead, however long its path; without TLS. */
  readonly socketPath?: string;
  /** Default 10 000; the handshake of TLS included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Speaks TLS, and offers these protocols (ALPN). */
  readonly tls?: TlsOptions & { readonly protocols?: readonly string[] };
}

export interface PeerHandlers {
  readonly onDatagram: (data: Uint8Array) => void;
  readonly onRefused: (code: string) => void;
}

export interface PeerSocket {
  send(data: Uint8Array): void;
  close(): Promise<void>;
}

export interface Net {
  /** Port 0 takes a free one. Rejects with the system's code (`EADDRINUSE`) and the address. */
  listen(
    at: Address,
    onStream: (stream: Stream) => void,
    options?: ServeOptions & { readonly tls?: ListenTls },
  ): Promise<Listener>;
  connect(to: ConnectOptions): Promise<Stream>;
  bind(at: Address, onDatagram: (data: Uint8Array, from: Address) => void): Promise<DatagramSocket>;
  /** For servers under load: datagrams come and go many at a time where this system can do that. */
  serve(at: Address, answer: DatagramAnswer, options?: ServeOptions): Promise<DatagramSocket>;
  /** A socket that speaks to one peer only, so that the peer's refusals are heard: `onRefused` gets the system's code. */
  dial(to: Address, handlers: PeerHandlers): Promise<PeerSocket>;
  /** Host interfaces' addresses, loopback included. */
  interfaces(): readonly InterfaceAddress[];
  hostname(): string;
}

export interface InterfaceAddress {
  readonly name: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly cidr: string;
  readonly mac: string;
  readonly internal: boolean;
}
