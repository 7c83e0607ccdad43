/** What the system tells of a serial port; everything but its path may be unknown. */
export interface SerialPortInfo {
  /** `/dev/ttyUSB0` */
  readonly path: string;
  readonly manufacturer?: string | undefined;
  readonly serialNumber?: string | undefined;
  /** Four hex digits each. */
  readonly vendorId?: string | undefined;
  readonly productId?: string | undefined;
}

export interface SerialSettings {
  /** Bits a second. */
  readonly baudRate: number;
  readonly dataBits: 5 | 6 | 7 | 8;
  readonly parity: "none" | "even" | "odd" | "mark" | "space";
  readonly stopBits: 1 | 1.5 | 2;
  readonly flow: "none" | "rtscts" | "xonxoff";
}

/** Lines a port drives; what is absent stays as it is. */
export interface SerialOutputs {
  readonly dtr?: boolean;
  readonly rts?: boolean;
  /** Holds the line in the break condition. */
  readonly brk?: boolean;
}

/** Lines the other side drives. */
export interface SerialInputs {
  readonly cts: boolean;
  readonly dsr: boolean;
  readonly dcd: boolean;
}

/** An open port. While the promise a taker returned is pending nothing more is read. */
export interface SerialLine {
  onData(handler: (data: Uint8Array) => void | Promise<void>): void;
  /** Called once; with an error when the port went away by itself. */
  onClose(handler: (error?: Error) => void): void;
  /** Resolves when the system took the bytes. Rejects when the port is gone. */
  write(data: Uint8Array): Promise<void>;
  /** Changes how bits are sent without closing the port: closing it would drop DTR, which resets many boards. */
  configure(settings: SerialSettings): Promise<void>;
  set(outputs: SerialOutputs): Promise<void>;
  /** Undefined where the port has no such lines (a pseudo-terminal). */
  inputs(): Promise<SerialInputs | undefined>;
  /** Throws away what was not yet read or sent. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface SerialPorts {
  /** Rejects where the system cannot be asked. */
  list(): Promise<readonly SerialPortInfo[]>;
  /** Rejects with the system's words when it cannot be opened: absent, in use, not allowed. */
  open(path: string, settings: SerialSettings): Promise<SerialLine>;
}
