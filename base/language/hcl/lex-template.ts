import { isNameContinue, isNameStart, lengthAt } from "./characters.ts";
import { closeSequence, complain, emit, type HeredocMode, type LexState, type QuotedMode } from "./lex-state.ts";

/** One step inside `"…"`: text, a sequence's start, or the end. */
export function lexQuoted(state: LexState, mode: QuotedMode): void {
  const { text } = state;
  let at = state.at;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 34 || code === 10 || startsSequence(text, at)) break;
    if (code === 92 && text.charCodeAt(at + 1) !== 10) at += 2;
    else at += escapedSequenceLength(text, at);
  }
  at = Math.min(at, text.length);
  if (at > state.at) emit(state, "text", at);
  if (text[at] === '"') {
    state.modes.pop();
    emit(state, "quote-close", at + 1);
  } else if (startsSequence(text, at)) {
    openSequence(state);
  } else {
    abandonString(state, mode);
  }
}

/** One step inside a heredoc: at most one line of text, a sequence's start, or the closing marker. */
export function lexHeredoc(state: LexState, mode: HeredocMode): void {
  const { text, at } = state;
  if (at >= text.length) return abandonHeredoc(state, mode);
  if (text[at - 1] === "\n") {
    const lineEnd = endOfLine(text, at);
    if (text.slice(at, lineEnd).trim() === mode.marker) {
      state.modes.pop();
      emit(state, "heredoc-close", at + text.slice(at, lineEnd).trimEnd().length);
      return;
    }
  }
  let end = at;
  while (end < text.length && !startsSequence(text, end)) {
    const newline = text.charCodeAt(end) === 10;
    end += newline ? 1 : escapedSequenceLength(text, end);
    if (newline) break;
  }
  if (end > at) emit(state, "text", end);
  else openSequence(state);
}

/** `<<MARKER` or `<<-MARKER` and the line's end. */
export function openHeredoc(state: LexState): boolean {
  const { text, at } = state;
  if (!text.startsWith("<<", at)) return false;
  const start = text[at + 2] === "-" ? at + 3 : at + 2;
  if (start >= text.length || !isNameStart(text, start)) return false;
  let end = start;
  while (end < text.length && isNameContinue(text, end)) end += lengthAt(text, end);
  const lineEnd = endOfLine(text, end);
  if (text.slice(end, lineEnd).trim() !== "") {
    complain(
      state,
      { start: end, end: lineEnd },
      {
        message: `nothing may follow the heredoc marker ${text.slice(start, end)} on its line`,
        hint: "start the text on the next line",
      },
    );
  }
  const opening = { start: at, end };
  emit(state, "heredoc-open", Math.min(lineEnd + 1, text.length));
  state.modes.push({ kind: "heredoc", marker: text.slice(start, end), opening });
  return true;
}

function startsSequence(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code === 36 || code === 37) && text.charCodeAt(at + 1) === 123;
}

/** `$${` and `%%{` are text; so is everything else that is no sequence. */
function escapedSequenceLength(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const doubled = (code === 36 || code === 37) && text.charCodeAt(at + 1) === code && text.charCodeAt(at + 2) === 123;
  return doubled ? 3 : 1;
}

function openSequence(state: LexState): void {
  const stripped = state.text[state.at + 2] === "~" ? 1 : 0;
  emit(state, state.text[state.at] === "$" ? "interpolation" : "directive", state.at + 2 + stripped);
  state.modes.push({ kind: "expression", braces: 0, inTemplate: true });
}

/** A string that the line's end cuts off also closes the strings it stands in: one mistake, one message. */
function abandonString(state: LexState, mode: QuotedMode): void {
  const open = state.modes.flatMap((each) => (each.kind === "quoted" ? [each] : []));
  const outer = state.modes.some((each) => each.kind === "heredoc") ? mode : (open[0] ?? mode);
  complain(
    state,
    { start: outer.start, end: Math.max(outer.start + 1, state.at) },
    {
      message: "this string is not closed on its line",
      hint: 'add a closing ", or write a text of several lines as a heredoc: <<EOF',
    },
  );
  for (let closed = false; !closed;) {
    const top = state.modes.at(-1);
    closed = top === outer;
    if (top?.kind === "expression") closeSequence(state);
    else if (top !== undefined) {
      state.modes.pop();
      emit(state, "quote-close", state.at);
    } else closed = true;
  }
}

function abandonHeredoc(state: LexState, mode: HeredocMode): void {
  complain(state, mode.opening, {
    message: `this heredoc has no end: expected a line with nothing but ${mode.marker}`,
    hint: `add a line ${mode.marker} after its text`,
  });
  state.modes.pop();
  emit(state, "heredoc-close", state.at);
}

function endOfLine(text: string, at: number): number {
  const newline = text.indexOf("\n", at);
  return newline < 0 ? text.length : newline;
}
