import type { LogEntry } from "#base/env/log.ts";

/** Longest line; the rest is cut off and says so. */
const MAX_LINE = 16 * 1024;

/** `{"@timestamp","@level","@module","@message", …fields}` on one line. */
export function formatJson(entry: LogEntry): string {
  const line = JSON.stringify({
    "@timestamp": timeOf(entry),
    "@level": entry.level,
    ...(entry.name === "" ? {} : { "@module": entry.name }),
    "@message": cut(entry.message),
    ...entry.fields,
  });
  if (line.length <= MAX_LINE) return `${line}\n`;
  return formatJson({ ...entry, fields: { cut: "fields left out: the line was too long" } });
}

/** `2026-01-31T12:00:00.000Z [INFO]  name: message: key=value`. */
export function formatText(entry: LogEntry): string {
  const level = `[${entry.level.toUpperCase()}]`.padEnd(7);
  const name = entry.name === "" ? "" : `${entry.name}: `;
  const fields = Object.entries(entry.fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quoteValue(String(value))}`)
    .join(" ");
  return `${cut(`${timeOf(entry)} ${level} ${name}${printable(entry.message)}${fields === "" ? "" : `: ${fields}`}`)}\n`;
}

function timeOf(entry: LogEntry): string {
  return new Date(entry.timeMs).toISOString();
}

function cut(text: string): string {
  return text.length <= MAX_LINE ? text : `${text.slice(0, MAX_LINE - 20)} … (cut here)`;
}

function quoteValue(value: string): string {
  return /^[^\s"=\p{C}]+$/u.test(value) ? value : JSON.stringify(value);
}

/** A value from outside must not be able to forge a line of its own or to steer a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return character === "\n" ? "\\n" : character === "\t" ? "\t" : `\\u{${code.toString(16)}}`;
  });
}
