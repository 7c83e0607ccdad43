/** One line of a list that names something: a place in the text. */
export interface ListEntry {
  /** Where the name is. */
  from: number;
  to: number;
  /** Names below it are meant too (ABP's `||name^`, `*.name`, dnsmasq's `address=/name/`). */
  below: boolean;
  /** ABP's `@@`: the opposite of what the list is for. */
  isException: boolean;
}

export interface ListCounts {
  /** Names from hosts and domains lines. */
  domains: number;
  /** Rules in Adblock form. */
  abp: number;
  /** Lines that say nothing this server can do; not comments. */
  invalid: number;
}

const NEWLINE = 10;
const SPACE = 32;
const TAB = 9;
const RETURN = 13;
const HASH = 35;
const DOT = 46;

/** Entries of hosts files that are no names to block. */
const NEVER = [
  "localhost",
  "localhost.localdomain",
  "local",
  "broadcasthost",
  "ip6-localhost",
  "ip6-loopback",
  "ip6-localnet",
  "ip6-mcastprefix",
  "ip6-allnodes",
  "ip6-allrouters",
  "ip6-allhosts",
  "0.0.0.0",
];
/** What an Adblock rule may demand beyond its name and still mean the whole name. */
const PLAIN_OPTIONS = ["important", "all", "document", "doc"];

/**
 * Reads a list in any mixture of the usual forms: hosts files, plain names, `*.name`, Adblock's `||name^` and `@@||name^`,
 * dnsmasq's `address=/name/` and its kin. `take` is called with the same object each time; it answers whether the text
 * there is a name.
 */
export function readList(text: Uint8Array, take: (entry: ListEntry) => boolean): ListCounts {
  const reader = new ListReader(text, take);
  let from = 0;
  // A byte order mark.
  if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) from = 3;
  const size = text.length;
  while (from < size) {
    let to = text.indexOf(NEWLINE, from);
    if (to < 0) to = size;
    reader.line(from, to);
    from = to + 1;
  }
  return reader.counts;
}

class ListReader {
  readonly counts: ListCounts = { domains: 0, abp: 0, invalid: 0 };
  readonly #text: Uint8Array;
  readonly #take: (entry: ListEntry) => boolean;
  readonly #entry: ListEntry = { from: 0, to: 0, below: false, isException: false };

  constructor(text: Uint8Array, take: (entry: ListEntry) => boolean) {
    this.#text = text;
    this.#take = take;
  }

  line(start: number, stop: number): void {
    const text = this.#text;
    let from = start;
    let to = stop;
    while (from < to && isBlank(text[from])) from += 1;
    while (to > from && isBlank(text[to - 1])) to -= 1;
    if (from === to) return;
    const first = text[from];
    // `!` and `[Adblock Plus]` are comments of Adblock lists, `;` of zone files.
    if (first === HASH || first === 33 || first === 91 || first === 59) return;
    if (first === 124 || first === 64) return this.#adblock(from, to);
    const blank = this.#blankAfter(from, to);
    if (blank === to) return this.#lone(from, to);
    this.#hosts(from, to, blank);
  }

  #adblock(from: number, to: number): void {
    const rule = Buffer.from(this.#text.subarray(from, to)).toString("latin1");
    const match = /^(@@)?\|\|([A-Za-z0-9_.-]+)\^?\|?(?:\$([a-z,~]+))?$/.exec(rule);
    const options = match?.[3]?.split(",") ?? [];
    if (match === null || !options.every((option) => PLAIN_OPTIONS.includes(option))) {
      if (!isCosmetic(this.#text, from, to)) this.counts.invalid += 1;
      return;
    }
    const isException = match[1] !== undefined;
    const start = from + (isException ? 4 : 2);
    const name = match[2] ?? "";
    if (this.#add(start, start + name.length, { below: true, isException })) this.counts.abp += 1;
    else this.counts.invalid += 1;
  }

  /** A line of one word. */
  #lone(from: number, to: number): void {
    const text = this.#text;
    if (text.subarray(from, to).includes(HASH) && isCosmetic(text, from, to)) return;
    if (text[from] === 42 && text[from + 1] === DOT) return this.#domain(from + 2, to, true);
    const equals = text.subarray(from, Math.min(to, from + 10)).indexOf(61);
    if (equals < 0) return this.#domain(from, to, false);
    const rule = Buffer.from(text.subarray(from, to)).toString("latin1");
    const match = /^(?:address|server|local)=\/([A-Za-z0-9_.-]+)\/(?:0\.0\.0\.0|::|#)?$/.exec(rule);
    const name = match?.[1];
    if (name === undefined) {
      this.counts.invalid += 1;
      return;
    }
    this.#domain(from + equals + 2, from + equals + 2 + name.length, true);
  }

  /** An address and names, or a name and a comment. */
  #hosts(start: number, to: number, blank: number): void {
    const text = this.#text;
    const isHosts = looksLikeAddress(text, start, blank);
    if (!isHosts) {
      let next = blank;
      while (next < to && isBlank(text[next])) next += 1;
      if (text[next] === HASH) return this.#lone(start, blank);
      if (!isCosmetic(text, start, to)) this.counts.invalid += 1;
      return;
    }
    let from = blank;
    while (from < to) {
      while (from < to && isBlank(text[from])) from += 1;
      if (from === to || text[from] === HASH) return;
      const end = this.#blankAfter(from, to);
      this.#domain(from, end, false);
      from = end;
    }
  }

  #domain(from: number, stop: number, below: boolean): void {
    const text = this.#text;
    const to = text[stop - 1] === DOT ? stop - 1 : stop;
    if (!hasDot(text, from, to)) {
      if (!this.#isNever(from, to)) this.counts.invalid += 1;
      return;
    }
    if (this.#isNever(from, to)) return;
    if (looksLikeAddress(text, from, to) || !this.#add(from, to, { below, isException: false }))
      this.counts.invalid += 1;
    else this.counts.domains += 1;
  }

  #add(
    from: number,
    to: number,
    { below, isException }: { readonly below: boolean; readonly isException: boolean },
  ): boolean {
    if (!isNameText(this.#text, from, to)) return false;
    const entry = this.#entry;
    entry.from = from;
    entry.to = to;
    entry.below = below;
    entry.isException = isException;
    return this.#take(entry);
  }

  #isNever(from: number, to: number): boolean {
    const first = this.#text[from];
    // Names that are never meant begin with l, b, i or 0.
    if (first !== 108 && first !== 98 && first !== 105 && first !== 48) return false;
    if (to - from > 21) return false;
    return NEVER.includes(Buffer.from(this.#text.subarray(from, to)).toString("latin1"));
  }

  #blankAfter(from: number, to: number): number {
    let at = from;
    while (at < to && !isBlank(this.#text[at])) at += 1;
    return at;
  }
}

/** Rules about parts of pages are for browsers. */
function isCosmetic(text: Uint8Array, from: number, to: number): boolean {
  return /#[@?%$]*#|\$\$/.test(Buffer.from(text.subarray(from, to)).toString("latin1"));
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === RETURN;
}

function hasDot(text: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text[i] === DOT) return true;
  return false;
}

/** Letters, digits, `-`, `_`, dots; and what is already encoded beyond ASCII is none of them. */
function isNameText(text: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = text[i] ?? 0;
    const isLetter = (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90);
    if (!isLetter && !(byte >= 48 && byte <= 57) && byte !== 45 && byte !== DOT && byte !== 95) return false;
  }
  return to > from;
}

/** Only digits and dots, or a colon somewhere. */
function looksLikeAddress(text: Uint8Array, from: number, to: number): boolean {
  let onlyDigits = true;
  for (let i = from; i < to; i++) {
    const byte = text[i] ?? 0;
    if (byte === 58) return true;
    if (byte !== DOT && (byte < 48 || byte > 57)) onlyDigits = false;
  }
  return onlyDigits;
}

/** Why the text cannot be a list: a page of a portal or an error. Undefined when it may be one. */
export function notAList(text: Uint8Array): string | undefined {
  const head = Buffer.from(text.subarray(0, 1024)).toString("latin1").trimStart().toLowerCase();
  if (/^(?:\ufeff|\u00ef\u00bb\u00bf)?\s*<(?:!doctype|html|head|\?xml|body|!--)/.test(head))
    return "it is a web page, not a list";
  if (head.startsWith("{") || head.startsWith('["')) return "it is JSON, not a list";
  if (head.includes("\0")) return "it is binary data, not a list";
  return undefined;
}
