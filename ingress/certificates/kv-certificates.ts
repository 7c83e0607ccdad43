import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Pair } from "#base/client/templates/dependency.ts";
import type { TemplateData } from "#base/client/templates/template.ts";
import type { Clock } from "#base/env/clock.ts";
import type { Failure } from "#base/env/errors.ts";
import { readName } from "../routes/words.ts";
import { ocspQuestion, type OcspQuestion } from "./ocsp.ts";
import { readStaple } from "./staple-keeper.ts";
import { CERTIFICATE_LIST, type CertificateStore } from "./certificate-store.ts";

const MAX_PEM = 256 * 1024;

export interface KvCertificatesOptions {
  /** Each key below it holds a certificate, its chain and its key in PEM. */
  readonly prefix: string;
  /** Each key below it holds what an OCSP responder says of the certificate of that name, base64. */
  readonly staples: string;
  readonly clock: Clock;
  readonly report: (problems: readonly Failure[]) => void;
}

interface Reading {
  readonly value: string;
  /** Why it cannot be used; undefined: it can. */
  readonly wrong: string | undefined;
  /** Hosts it is for. */
  readonly names: readonly string[];
  readonly startsMs: number;
  readonly endsMs: number;
  readonly question: OcspQuestion | undefined;
  /** The last one that was read, and until when it holds. */
  staple: { readonly text: string; readonly untilMs: number };
}

/**
 * Certificates from the cluster's key-value store. What is cut short or does not belong together is left out and reported,
 * as is one that is over, unless its names have no better one.
 */
export function kvCertificates({ prefix, staples, clock, report }: KvCertificatesOptions): CertificateStore {
  /** Reading a key takes longer than all else of a pass. */
  let known = new Map<string, Reading>();
  const problem = (name: string, what: string): Failure => ({
    code: "ingress_bad_certificate",
    message: `the certificate ${JSON.stringify(name)} ${what}`,
    hint: `write certificate, chain and key as PEM into ${prefix}NAME`,
  });
  return {
    files(data: TemplateData) {
      const files = new Map<string, string>();
      const problems: Failure[] = [];
      const seen = new Map<string, Reading>();
      const said = new Map(data.prefix(staples).map(({ key, value }) => [key.slice(staples.length), value]));
      for (const pair of data.prefix(prefix)) {
        const name = pair.key.slice(prefix.length);
        if (name === "") continue;
        const before = known.get(name);
        seen.set(name, before?.value === pair.value ? before : readPair(name, pair));
      }
      const nowMs = clock.nowMs();
      const good = new Set([...seen.values()].flatMap(({ names, endsMs }) => (endsMs < nowMs ? [] : names)));
      for (const [name, reading] of seen) {
        const isOver = reading.wrong === undefined && reading.endsMs < nowMs;
        const isReplaced = isOver && reading.names.length > 0 && reading.names.every((host) => isCovered(host, good));
        if (reading.wrong !== undefined) problems.push(problem(name, reading.wrong));
        if (isOver)
          problems.push(
            problem(
              name,
              `is over since ${new Date(reading.endsMs).toISOString()}${isReplaced ? ", and is not served" : "; its names have no better one"}`,
            ),
          );
        if (reading.startsMs > nowMs)
          problems.push(problem(name, `is not good before ${new Date(reading.startsMs).toISOString()}`));
        if (reading.wrong !== undefined || isReplaced) continue;
        files.set(`certs/${name}.pem`, withoutBlankLines(reading.value));
        const staple = goodStaple(said.get(name), reading, nowMs);
        if (staple !== undefined) files.set(`certs/${name}.pem.ocsp`, staple);
      }
      known = seen;
      report(problems);
      if (files.size > 0)
        files.set(
          CERTIFICATE_LIST,
          [...files.keys()]
            .filter((file) => file.endsWith(".pem"))
            .toSorted()
            .map((file) => `${file}\n`)
            .join(""),
        );
      return files;
    },
  };
}

function readPair(name: string, { value }: Pair): Reading {
  const bad = (wrong: string): Reading => ({
    value,
    wrong,
    names: [],
    startsMs: 0,
    endsMs: 0,
    question: undefined,
    staple: { text: "", untilMs: 0 },
  });
  if (!readName(name).ok) return bad("has a name that is no file's");
  if (value.length > MAX_PEM) return bad(`is longer than ${MAX_PEM} bytes`);
  try {
    const certificate = new X509Certificate(value);
    if (!certificate.checkPrivateKey(createPrivateKey(value))) return bad("and its key do not belong together");
    return {
      value,
      wrong: undefined,
      names: [...(certificate.subjectAltName ?? "").matchAll(/DNS:([^\s,"]+)/g)].map(([, host = ""]) =>
        host.toLowerCase(),
      ),
      startsMs: Date.parse(certificate.validFrom),
      endsMs: Date.parse(certificate.validTo),
      question: ocspQuestion(value),
      staple: { text: "", untilMs: 0 },
    };
  } catch {
    return bad("cannot be read");
  }
}

function isCovered(host: string, good: ReadonlySet<string>): boolean {
  return good.has(host) || good.has(host.replace(/^[^.]+/, "*"));
}

/** HAProxy starts with none that is over, or about another certificate. */
function goodStaple(text: string | undefined, reading: Reading, nowMs: number): string | undefined {
  if (text === undefined || reading.question === undefined) return undefined;
  if (text !== reading.staple.text) {
    const read = readStaple(text, reading.question);
    reading.staple = { text, untilMs: read.ok ? read.value.untilMs : 0 };
  }
  return reading.staple.untilMs > nowMs ? text : undefined;
}

/** HAProxy's socket takes an empty line for the end. */
function withoutBlankLines(pem: string): string {
  return `${pem
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n")}\n`;
}
