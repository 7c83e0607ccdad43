/**
 * An expected failure, as a value. `message` says the action, quotes the value and says what was expected;
 * `hint` says what to do about it.
 */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type Result<T, E extends Failure = Failure> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export function succeed<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail(code: string, message: string, hint?: string): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: hint === undefined ? { code, message } : { code, message, hint } };
}

/** A failure that has to cross a boundary where only throwing is possible. */
export class CodedError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.name = "CodedError";
    this.code = code;
    this.hint = hint;
  }
}

/** The text of whatever was thrown, and what to do about it where somebody knows. */
export function adviceOf(thrown: unknown): string {
  const hint = thrown instanceof CodedError ? thrown.hint : undefined;
  return hint === undefined ? messageOf(thrown) : `${messageOf(thrown)}; ${hint}`;
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
