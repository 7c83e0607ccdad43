/** Thrown inside the parser, caught where parsing began. */
export class ParseFailure extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}
