/** Go's package time quotes bytes beyond ASCII and controls as `\xNN`. */
export function quoteBytes(text: string): string {
  let quoted = "";
  for (const char of text) {
    if (char === '"' || char === "\\") quoted += `\\${char}`;
    else if (char < " " || char > "\u007F")
      for (const byte of Buffer.from(char)) quoted += `\\x${byte.toString(16).padStart(2, "0")}`;
    else quoted += char;
  }
  return `"${quoted}"`;
}
