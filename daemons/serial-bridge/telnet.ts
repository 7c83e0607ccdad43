/** Telnet's framing (RFC 854, RFC 855): bytes in, what they mean out; survives any input, however it is cut. */
export type TelnetEvent =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "option"; readonly verb: Verb; readonly option: number }
  | { readonly kind: "subnegotiation"; readonly option: number; readonly bytes: Uint8Array };

export type Verb = "will" | "wont" | "do" | "dont";

const IAC = 255;
const SE = 240;
const SB = 250;
const VERBS = { will: 251, wont: 252, do: 253, dont: 254 } as const;
const VERB_OF: ReadonlyMap<number, Verb> = new Map([
  [251, "will"],
  [252, "wont"],
  [253, "do"],
  [254, "dont"],
]);

export const OPTION = { binary: 0, suppressGoAhead: 3, comPort: 44 } as const;
/** More of one subnegotiation is dropped: those of ports hold a few bytes. */
export const MAX_SUBNEGOTIATION_BYTES = 512;

type State = "data" | "cr" | "iac" | "verb" | "sub" | "sub-iac";

export class TelnetReader {
  #state: State = "data";
  #verb: Verb = "will";
  #sub: number[] = [];
  /** RFC 856: until the other side sends binary, a carriage return is followed by a NUL where nothing else is. */
  binary = false;

  read(chunk: Uint8Array): TelnetEvent[] {
    const events: TelnetEvent[] = [];
    let data: number[] = [];
    const flush = (): void => {
      if (data.length > 0) events.push({ kind: "data", bytes: Uint8Array.from(data) });
      data = [];
    };
    for (const byte of chunk) {
      switch (this.#state) {
        case "data":
        case "cr":
          if (byte === IAC) this.#state = "iac";
          else if (this.#state === "cr" && byte === 0 && !this.binary) this.#state = "data";
          else {
            data.push(byte);
            this.#state = byte === 13 ? "cr" : "data";
          }
          break;
        case "iac":
          if (byte === IAC) data.push(byte);
          this.#state = this.#after(byte);
          break;
        case "verb":
          flush();
          events.push({ kind: "option", verb: this.#verb, option: byte });
          this.#state = "data";
          break;
        case "sub":
          if (byte === IAC) this.#state = "sub-iac";
          else this.#keep(byte);
          break;
        case "sub-iac":
          this.#state = byte === SE ? "data" : "sub";
          if (byte === IAC) this.#keep(byte);
          if (byte !== SE) break;
          flush();
          events.push(...this.#ended());
          break;
        default:
          this.#state satisfies never;
      }
    }
    flush();
    return events;
  }

  #after(byte: number): State {
    const verb = VERB_OF.get(byte);
    if (verb !== undefined) {
      this.#verb = verb;
      return "verb";
    }
    if (byte !== SB) return "data";
    this.#sub = [];
    return "sub";
  }

  #keep(byte: number): void {
    if (this.#sub.length <= MAX_SUBNEGOTIATION_BYTES) this.#sub.push(byte);
  }

  #ended(): readonly TelnetEvent[] {
    const [option, ...bytes] = this.#sub;
    if (option === undefined || bytes.length >= MAX_SUBNEGOTIATION_BYTES) return [];
    return [{ kind: "subnegotiation", option, bytes: Uint8Array.from(bytes) }];
  }
}

export function telnetData(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(IAC)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === IAC ? [IAC, IAC] : [byte])));
}

export function telnetOption(verb: Verb, option: number): Uint8Array {
  return Uint8Array.of(IAC, VERBS[verb], option);
}

export function telnetSubnegotiation(option: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(IAC, SB, option, ...telnetData(bytes), IAC, SE);
}
