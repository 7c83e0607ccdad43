import { X509Certificate } from "node:crypto";
import { exampleOf, type Wanted } from "./wanted.ts";

export interface DueOptions {
  readonly nowMs: number;
  /** Names that are to have a certificate, by the keys these have in the store. */
  readonly wanted: ReadonlyMap<string, Wanted>;
  /** What lies there, PEM; undefined: nothing. */
  readonly have: (key: string) => string | undefined;
  /** After a failure: not before. */
  readonly notBeforeMs: (key: string) => number;
}

export interface Due {
  /** To be had now. */
  readonly keys: readonly string[];
  /** When to look again. */
  readonly nextMs: number;
}

/** A certificate is renewed when this part of its life is left, as Let's Encrypt advises. */
const LEFT = 1 / 3;
const LOOK_MS = 12 * 3_600_000;

/** Names whose certificate is missing, unreadable or in the last third of its life. */
export function dueNames({ nowMs, wanted, have, notBeforeMs }: DueOptions): Due {
  const keys: string[] = [];
  let nextMs = nowMs + LOOK_MS;
  for (const [key, { name }] of wanted) {
    const pem = have(key);
    const atMs = Math.max(pem === undefined ? 0 : renewalMs(pem, exampleOf(name)), notBeforeMs(key));
    if (atMs <= nowMs) keys.push(key);
    else nextMs = Math.min(nextMs, atMs);
  }
  return { keys, nextMs };
}

/** 0: at once. */
function renewalMs(pem: string, host: string): number {
  try {
    const certificate = new X509Certificate(pem);
    const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    return certificate.checkHost(host) === undefined ? 0 : toMs - (toMs - fromMs) * LEFT;
  } catch {
    return 0;
  }
}
