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
const LOOK_MS = 3_600_000;

/** Names whose certificate is missing, unreadable or in the last third of its life, or was signed here by a clock that was set back since. */
export function dueNames({ nowMs, wanted, have, notBeforeMs }: DueOptions): Due {
  const keys: string[] = [];
  let nextMs = nowMs + LOOK_MS;
  for (const [key, { name, by }] of wanted) {
    const life = lifeOf(have(key), exampleOf(name));
    // Others' clocks are not asked after: were this one behind, theirs would be asked without end.
    const isEarly = by === "internal" && life !== undefined && nowMs < life.fromMs;
    const renewalMs = life === undefined || isEarly ? 0 : life.toMs - (life.toMs - life.fromMs) * LEFT;
    const atMs = Math.max(renewalMs, notBeforeMs(key));
    if (atMs <= nowMs) keys.push(key);
    else nextMs = Math.min(nextMs, atMs);
  }
  return { keys, nextMs };
}

interface Life {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Undefined: it is no certificate for this host. */
function lifeOf(pem: string | undefined, host: string): Life | undefined {
  if (pem === undefined) return undefined;
  try {
    const certificate = new X509Certificate(pem);
    if (certificate.checkHost(host) === undefined) return undefined;
    return { fromMs: certificate.validFromDate.getTime(), toMs: certificate.validToDate.getTime() };
  } catch {
    return undefined;
  }
}
