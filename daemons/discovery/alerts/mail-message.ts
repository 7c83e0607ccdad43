/** A message as it goes over the wire (RFC 5322), its text as UTF-8 in base64 (RFC 2045). */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Unique in the world, without brackets: `ID@HOST`. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

const LINE = 76;
/** Bytes of an encoded word's text: with its frame it stays below 75 characters (RFC 2047 section 2). */
const WORD_BYTES = 42;

export function mailMessage({ from, to, subject, text, id, atMs }: Mail): string {
  const body = Buffer.from(text).toString("base64");
  const lines = body.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return [
    `From: ${oneLine(from)}`,
    `To: ${to.map(oneLine).join(",\r\n ")}`,
    `Subject: ${headerText(subject)}`,
    `Date: ${dateText(atMs)}`,
    `Message-ID: <${oneLine(id)}>`,
    // So that no out-of-office notice comes back (RFC 3834).
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...lines,
    "",
  ].join("\r\n");
}

/** Nothing that comes from outside can begin a header of its own. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]+/g, " ");
}

/** RFC 2047, where plain ASCII does not do. */
function headerText(text: string): string {
  const line = oneLine(text);
  if (/^[\x20-\x7e]{0,200}$/.test(line)) return line;
  const words: string[] = [];
  let word = "";
  for (const character of line) {
    if (Buffer.byteLength(word + character) > WORD_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((each) => `=?UTF-8?B?${Buffer.from(each).toString("base64")}?=`).join("\r\n ");
}

/** `Sat, 21 Nov 2026 12:00:00 +0000` */
function dateText(atMs: number): string {
  return new Date(atMs).toUTCString().replace("GMT", "+0000");
}
