export const REDACTED = "<redacted>";

/** What in a name says that its value is secret. */
export const NAMES =
  "secret|token|passw(?:or)?d|passphrase|credential|private|encrypt|hmackey|rsakey|signature|authorization|cookie|basicauth|pwhash|(?:api|ssh|access)-?key";

const SAID = `[\\w.-]*?(?:${NAMES}|(?<![a-z])(?:pass|pwd|psk)(?![\\w.-])|[_-]key(?![\\w.-]))`;
/** The look-behind lets a match begin at a word's first letter only, so that long words cost no more than their length. */
const NAME = `(?<![\\w.-])(?=${SAID})[\\w.-]+`;
/** `name=`, `"name":` (escaped or not), and `name: ` before what is no word of a sentence. */
const IS = `\\\\*["']?\\s*=\\s*|\\\\*["']\\s*:\\s*|:\\s+(?=\\S{0,200}\\d|["']|Basic\\s)`;
const SCHEME = `(?:(?:Bearer|Basic)\\s+)?`;
/** Quoted (escaped or not; to the end where the quote is not closed), or up to the next space. */
const VALUE = `(?<open>\\\\*)"[^]*?(?:(?<!\\\\)\\k<open>"|$)|'[^']*(?:'|$)|${SCHEME}(?:[^\\s"\\\\]|\\\\(?!"))+`;

/** `-name value`, also where both are quoted, as in a list; no value begins as a flag does. */
const FLAG = new RegExp(
  `(?<name>(?<![\\w.-])(?=-${SAID})[\\w.-]+)(?<is>\\s+|\\\\*["']\\s*,\\s*)(?!-)(?<value>${VALUE})`,
  "gi",
);
const FLAG_ALONE = new RegExp(`^(?=-${SAID})[\\w.-]+$`, "i");
const PAIR = new RegExp(`(?<name>${NAME})(?<is>${IS})(?<value>${VALUE})`, "gi");
const PRIVATE_KEY = /-----BEGIN [^-\n]*PRIVATE KEY-----[^]*?(?:-----END[^-]*-----|$)/g;
const JOIN_TOKEN = /\b(lares\d+\.[\w-]+)\.[\w-]{16,}(?:\.[\w-]+)?/g;
/** RFC 7519: a header that begins with `{"`. */
const JWT = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const BEARER = /\b(Bearer\s+)[^\s"'\\,<]+/gi;
/** RFC 3986, 3.2.1. */
const USER_OF_URL = /(?<=:\/\/)[^\s/@"]*@/g;

/** A text, such as a line of the log, without what it says to be secret. */
export function redactedText(text: string): string {
  return text
    .replace(PRIVATE_KEY, REDACTED)
    .replace(JOIN_TOKEN, `$1.${REDACTED}`)
    .replace(JWT, REDACTED)
    .replace(BEARER, `$1${REDACTED}`)
    .replace(USER_OF_URL, `${REDACTED}@`)
    .replace(FLAG, withoutValue)
    .replace(PAIR, withoutValue);
}

/** Whether what follows it among a command's arguments is secret. */
export function isSecretFlag(argument: unknown): boolean {
  return typeof argument === "string" && FLAG_ALONE.test(argument);
}

function withoutValue(...found: readonly string[]): string {
  const [, name = "", is = "", value = ""] = found;
  const quote = /^(?:\\*"|')/.exec(value)?.[0] ?? "";
  return name + is + quote + REDACTED + quote;
}
