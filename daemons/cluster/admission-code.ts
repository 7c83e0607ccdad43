import { createHash } from "node:crypto";

const DIGITS = 6;

export interface CodeParts {
  /** `pinOf` the authority, as this side knows it. */
  readonly pin: string;
  readonly secretHash: string;
  readonly nodeNonce: string;
  readonly serverNonce: string;
}

/**
 * Six digits that are the same on the screens of node and server only when nobody stands between them: each side had
 * bound itself to its part before it saw the other's (the node by a hash, the server by answering first), so whoever
 * meddles has one chance in a million and no second (as numeric comparison does it: Bluetooth Core 5.4, Vol 3 Part H 2.3.5.6.2).
 */
export function admissionCode({ pin, secretHash, nodeNonce, serverNonce }: CodeParts): string {
  const text = ["lares admission 1", pin, secretHash, nodeNonce, serverNonce].join("\n");
  const number = createHash("sha256").update(text).digest().readUIntBE(0, 6) % 10 ** DIGITS;
  return String(number).padStart(DIGITS, "0");
}

/** `123 456`, as people read it. */
export function spaced(code: string): string {
  return `${code.slice(0, 3)} ${code.slice(3)}`;
}
