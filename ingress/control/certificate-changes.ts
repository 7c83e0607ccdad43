import { CERTIFICATE_LIST } from "../certificates/certificate-store.ts";
import { PROOF_LIST } from "../config/tls-proofs.ts";

/** Behind a certificate's name: what its OCSP responder says, in base64 where HAProxy is told, in bytes where it is a file. */
export const STAPLE = ".ocsp";

type Files = ReadonlyMap<string, string>;

/** HAProxy reads a command with what it carries into one buffer of 16 kB. */
const MAX_PEM = 15_000;
/** Folders of certificates, each with its list (`crt-list`). */
const LISTS: ReadonlyMap<string, string> = new Map([
  ["certs", CERTIFICATE_LIST],
  ["proofs", PROOF_LIST],
]);

/**
 * What to tell HAProxy so that its certificates are as `next` has them (https://docs.haproxy.org/2.6/management.html#9.3);
 * undefined: only a reload can do it. Those that come are told before those that go.
 */
export function certificateCommands(before: Files, next: Files): readonly string[] | undefined {
  const lists = [...LISTS.values()];
  if (lists.some((list) => before.has(list) !== next.has(list))) return undefined;
  const coming: string[] = [];
  const going: string[] = [];
  for (const [file, text] of next) {
    const old = before.get(file);
    if (lists.includes(file) || file.endsWith(STAPLE)) continue;
    const staple = next.get(file + STAPLE);
    if (old === text) {
      coming.push(...stapleCommands(file, { text, was: before.get(file + STAPLE), staple }));
      continue;
    }
    const list = listOf(file);
    if (list === undefined || text.length > MAX_PEM) return undefined;
    if (old === undefined) coming.push(`new ssl cert ${file}`);
    coming.push(`set ssl cert ${file} <<\n${text}`);
    if (staple !== undefined) coming.push(`set ssl cert ${file}${STAPLE} <<\n${staple}\n`);
    coming.push(`commit ssl cert ${file}`);
    if (old === undefined) coming.push(`add ssl crt-list ${list} ${file}`);
  }
  for (const file of before.keys()) {
    if (next.has(file) || file.endsWith(STAPLE)) continue;
    const list = listOf(file);
    if (list === undefined) return undefined;
    going.push(`del ssl crt-list ${list} ${file}`, `del ssl cert ${file}`);
  }
  return [...coming, ...going];
}

interface StapleChange {
  readonly text: string;
  readonly was: string | undefined;
  readonly staple: string | undefined;
}

/** Only one that was there before can be replaced alone; one that is over goes with its certificate set anew. */
function stapleCommands(file: string, { text, was, staple }: StapleChange): readonly string[] {
  if (was === staple) return [];
  if (staple === undefined) return [`set ssl cert ${file} <<\n${text}`, `commit ssl cert ${file}`];
  if (was !== undefined) return [`set ssl ocsp-response <<\n${staple}\n`];
  return [`set ssl cert ${file}${STAPLE} <<\n${staple}\n`, `commit ssl cert ${file}`];
}

function listOf(file: string): string | undefined {
  return LISTS.get(file.slice(0, file.indexOf("/")));
}
