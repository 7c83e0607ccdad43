import type { SerialInputs, SerialSettings } from "#base/env/serial.ts";

/** What a client asks of the port (RFC 2217 section 3). */
export type ComPortRequest =
  | { readonly kind: "signature"; readonly text: string }
  /** Undefined: asks what it is. */
  | { readonly kind: "set"; readonly field: Field; readonly value: Partial<SerialSettings> | undefined }
  | { readonly kind: "control"; readonly value: number }
  | { readonly kind: "purge"; readonly value: number }
  | { readonly kind: "suspend"; readonly on: boolean }
  | { readonly kind: "mask"; readonly of: "line" | "modem"; readonly value: number };

type Field = "baudRate" | "dataBits" | "parity" | "stopBits";

/** An answer's code is the request's plus this. */
const ANSWER = 100;
const COMMAND = {
  signature: 0,
  baudRate: 1,
  dataBits: 2,
  parity: 3,
  stopBits: 4,
  control: 5,
  lineState: 6,
  modemState: 7,
  suspend: 8,
  resume: 9,
  lineMask: 10,
  modemMask: 11,
  purge: 12,
} as const;

/** In the order of their numbers, from 1 on. */
const PARITIES = ["none", "odd", "even", "mark", "space"] as const satisfies readonly SerialSettings["parity"][];
const STOP_BITS = [1, 2, 1.5] as const satisfies readonly SerialSettings["stopBits"][];
const DATA_BITS = [5, 6, 7, 8] as const satisfies readonly SerialSettings["dataBits"][];
/** Faster than any port there is. */
const MAX_BAUD = 20_000_000;

/** Undefined: no request that we know, or one cut short. */
export function parseComPort(bytes: Uint8Array): ComPortRequest | undefined {
  const [command, first] = bytes;
  if (command === COMMAND.signature)
    return { kind: "signature", text: Buffer.from(bytes.subarray(1)).toString("latin1") };
  if (command === COMMAND.suspend) return { kind: "suspend", on: true };
  if (command === COMMAND.resume) return { kind: "suspend", on: false };
  if (first === undefined) return undefined;
  switch (command) {
    case COMMAND.baudRate:
      return parseBaud(bytes.subarray(1));
    case COMMAND.dataBits:
      return { kind: "set", field: "dataBits", value: chosen(DATA_BITS[first - 5], (dataBits) => ({ dataBits })) };
    case COMMAND.parity:
      return { kind: "set", field: "parity", value: chosen(PARITIES[first - 1], (parity) => ({ parity })) };
    case COMMAND.stopBits:
      return { kind: "set", field: "stopBits", value: chosen(STOP_BITS[first - 1], (stopBits) => ({ stopBits })) };
    case COMMAND.control:
      return { kind: "control", value: first };
    case COMMAND.purge:
      return { kind: "purge", value: first };
    case COMMAND.lineMask:
      return { kind: "mask", of: "line", value: first };
    case COMMAND.modemMask:
      return { kind: "mask", of: "modem", value: first };
    default:
      return undefined;
  }
}

function parseBaud(bytes: Uint8Array): ComPortRequest | undefined {
  if (bytes.length < 4) return undefined;
  const baudRate = Buffer.from(bytes).readUInt32BE(0);
  const valid = baudRate > 0 && baudRate <= MAX_BAUD;
  return { kind: "set", field: "baudRate", value: valid ? { baudRate } : undefined };
}

/** A value nobody knows is answered with what stands, like a question. */
function chosen<T>(
  value: T | undefined,
  make: (value: T) => Partial<SerialSettings>,
): Partial<SerialSettings> | undefined {
  return value === undefined ? undefined : make(value);
}

/** What stands now, as the answer to a request for it. */
export function settingAnswer(field: Field, settings: SerialSettings): Uint8Array {
  const code = ANSWER + COMMAND[field];
  switch (field) {
    case "baudRate": {
      const bytes = Buffer.alloc(5);
      bytes[0] = code;
      bytes.writeUInt32BE(settings.baudRate, 1);
      return bytes;
    }
    case "dataBits":
      return Uint8Array.of(code, settings.dataBits);
    case "parity":
      return Uint8Array.of(code, PARITIES.indexOf(settings.parity) + 1);
    case "stopBits":
      return Uint8Array.of(code, STOP_BITS.indexOf(settings.stopBits) + 1);
    default:
      return field satisfies never;
  }
}

export function signatureAnswer(text: string): Uint8Array {
  return Uint8Array.of(ANSWER + COMMAND.signature, ...Buffer.from(text, "latin1"));
}

export function controlAnswer(value: number): Uint8Array {
  return Uint8Array.of(ANSWER + COMMAND.control, value);
}

export function purgeAnswer(value: number): Uint8Array {
  return Uint8Array.of(ANSWER + COMMAND.purge, value);
}

export function maskAnswer(of: "line" | "modem", value: number): Uint8Array {
  return Uint8Array.of(ANSWER + (of === "line" ? COMMAND.lineMask : COMMAND.modemMask), value);
}

export function modemStateNotice(state: number): Uint8Array {
  return Uint8Array.of(ANSWER + COMMAND.modemState, state);
}

/** RFC 2217 section 3, NOTIFY-MODEMSTATE: levels in the upper bits, what changed since `before` in the lower. */
export function modemState(now: SerialInputs, before: SerialInputs): number {
  return (
    (now.dcd ? 128 : 0) |
    (now.dsr ? 32 : 0) |
    (now.cts ? 16 : 0) |
    (now.dcd === before.dcd ? 0 : 8) |
    (now.dsr === before.dsr ? 0 : 2) |
    (now.cts === before.cts ? 0 : 1)
  );
}
