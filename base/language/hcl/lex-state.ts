import type { Complaint } from "./diagnostic.ts";
import type { Span } from "./source.ts";
import type { Token, TokenType } from "./token.ts";

export type LexMode = ExpressionMode | QuotedMode | HeredocMode;

export interface ExpressionMode {
  readonly kind: "expression";
  /** Open braces inside; the sequence of a template ends at the `}` that closes none of them. */
  braces: number;
  readonly inTemplate: boolean;
}

export interface QuotedMode {
  readonly kind: "quoted";
  readonly start: number;
}

export interface HeredocMode {
  readonly kind: "heredoc";
  readonly marker: string;
  readonly opening: Span;
}

export interface LexState {
  readonly text: string;
  at: number;
  readonly tokens: Token[];
  readonly comments: Span[];
  readonly complaints: Complaint[];
  readonly modes: LexMode[];
}

export function emit(state: LexState, type: TokenType, end: number): void {
  state.tokens.push({ type, start: state.at, end });
  state.at = end;
}

/** Ends a template sequence: `length` 0 when the input ended first. */
export function closeSequence(state: LexState, length = 0): void {
  state.modes.pop();
  emit(state, "sequence-end", state.at + length);
}

export function complain(
  state: LexState,
  span: Span,
  what: { readonly message: string; readonly hint?: string },
): void {
  state.complaints.push({ code: "hcl_syntax", span, ...what });
}
