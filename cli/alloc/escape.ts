const CARRIAGE_RETURN = 13;
const NEWLINE = 10;
const DOT = 46;

export interface Watched {
  /** What the command is to get. */
  readonly pass: Buffer;
  /** The user typed the escape character and a dot at the start of a line. */
  readonly leave: boolean;
}

/** As ssh(1) does it: the character held back at a line's start passes with what follows, unless that is a dot. */
export function watchForEscape(character: string): (data: Buffer) => Watched {
  const code = character.charCodeAt(0);
  let atStart = true;
  let held = false;
  return (data) => {
    const pass: number[] = [];
    for (const byte of data) {
      if (held && byte === DOT) return { pass: Buffer.from(pass), leave: true };
      if (held) {
        pass.push(code);
        held = false;
        // Typed twice it means itself, once.
        if (byte === code) {
          atStart = false;
          continue;
        }
      }
      if (atStart && byte === code) held = true;
      else pass.push(byte);
      atStart = byte === CARRIAGE_RETURN || byte === NEWLINE;
    }
    return { pass: Buffer.from(pass), leave: false };
  };
}
