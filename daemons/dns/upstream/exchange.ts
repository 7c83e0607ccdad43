/** A question on its way to one server. */
export interface Exchange {
  /** The whole message; its number (first two bytes) is the exchanger's to set. */
  readonly message: Uint8Array;
  /** Behind the question. */
  readonly questionEnd: number;
  /** Called at most once: an answer to this very question, or undefined when the server cannot be reached. */
  answered(answer: Uint8Array | undefined): void;
}

/** One way to reach one server. */
export interface Exchanger {
  ask(exchange: Exchange): void;
  /** Nobody waits for it any more: it is not told of an answer after that. */
  giveUp(exchange: Exchange): void;
  close(): Promise<void>;
}

const HEADER = 12;

/** Whether it answers that question: a response, and the question as it was sent, letter case included when it matters. */
export function isAnswerTo(answer: Uint8Array, exchange: Exchange, exactCase: boolean): boolean {
  if (answer.length < HEADER || ((answer[2] ?? 0) & 0xf8) !== 0x80) return false;
  const { message, questionEnd } = exchange;
  // Some servers answer errors without the question.
  if (answer[4] === 0 && answer[5] === 0) return ((answer[3] ?? 0) & 15) !== 0 && answer.length === HEADER;
  if (answer[4] !== 0 || answer[5] !== 1 || answer.length < questionEnd) return false;
  for (let i = HEADER; i < questionEnd; i++) {
    const theirs = answer[i] ?? 0;
    const ours = message[i] ?? 0;
    if (theirs !== ours && (exactCase || !isSameLetter(theirs, ours))) return false;
  }
  return true;
}

export function idOf(message: Uint8Array): number {
  return ((message[0] ?? 0) << 8) | (message[1] ?? 0);
}

function isSameLetter(a: number, b: number): boolean {
  const lower = a | 32;
  return lower === (b | 32) && lower >= 97 && lower <= 122;
}
