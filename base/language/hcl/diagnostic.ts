import type { Failure } from "#base/env/errors.ts";
import { characters, lineText, positionAt, type Position, type SourceText, type Span } from "./source.ts";

/** Something wrong (or doubtful) at a place of a file: what, where, what was expected, what to do. */
export interface Diagnostic extends Failure {
  readonly severity: "error" | "warning";
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
  /** The text of the line it starts on. */
  readonly sourceLine: string;
}

/** A complaint that does not know its place in lines yet. */
export interface Complaint extends Failure {
  readonly span: Span;
}

export interface PlaceOptions {
  readonly source: SourceText;
  readonly severity?: "error" | "warning";
}

export function locate(complaint: Complaint, options: PlaceOptions): Diagnostic {
  const start = positionAt(options.source, complaint.span.start);
  const end = positionAt(options.source, Math.max(complaint.span.start, complaint.span.end));
  const { code, message, hint } = complaint;
  const known = {
    severity: options.severity ?? "error",
    code,
    message,
    file: options.source.name,
    start,
    end,
  } as const;
  const sourceLine = lineText(options.source, start.line);
  return hint === undefined ? { ...known, sourceLine } : { ...known, sourceLine, hint };
}

/** A line longer than this is shown as a window around the place (terminals wrap, and minified files exist). */
const SHOWN_COLUMNS = 160;

/**
 * For people:
 *
 *     web.hcl:4:7: error: unknown key "imag"
 *       4 |       imag = "redis:latest"
 *         |       ^^^^
 *       hint: did you mean "image"?
 */
export function renderDiagnostic(diagnostic: Diagnostic): string {
  const { file, start, end, severity, message, hint } = diagnostic;
  const label = String(start.line);
  const margin = " ".repeat(label.length);
  const shown = shownPart(diagnostic.sourceLine, start.column);
  const lineLength = characters(shown.text);
  const last = end.line === start.line ? end.column - 1 : shown.from + lineLength;
  const width = Math.max(1, Math.min(last, shown.from + lineLength) - start.column + 1);
  const indent = shown.text.slice(0, start.column - 1 - shown.from).replace(/[^\t]/gu, " ");
  const lines = [
    `${file}:${label}:${start.column}: ${severity}: ${message}`,
    `  ${label} | ${shown.text}`,
    `  ${margin} | ${indent}${"^".repeat(width)}`,
  ];
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join("\n");
}

export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(renderDiagnostic).join("\n\n");
}

function shownPart(line: string, column: number): { readonly text: string; readonly from: number } {
  if (line.length <= SHOWN_COLUMNS) return { text: line, from: 0 };
  const all = Array.from(line);
  const from = Math.max(0, Math.min(column - 1 - SHOWN_COLUMNS / 2, all.length - SHOWN_COLUMNS));
  return { text: all.slice(from, from + SHOWN_COLUMNS).join(""), from };
}
