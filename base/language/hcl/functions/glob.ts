const SPECIAL = /[.+^$|()\\{}[\]]/g;
const PIECE = /\*\*\/|\*\*|\*|\?|\[[!^]?[^\]/]+\]|\{[^{}]*\}|[^*?[{]+|[\s\S]/g;

/**
 * A file pattern as a regular expression over whole paths: `*` is anything within a folder, `**` any folders, `?` one
 * character, `[a-z]` one of some, `{a,b}` one of several texts.
 * https://developer.hashicorp.com/nomad/docs/reference/hcl2/functions/file/fileset
 */
export function globPattern(glob: string): string {
  const parts = Array.from(glob.replace(/^\.\//, "").matchAll(PIECE), ([piece]) => pieceOf(piece));
  return `^(?:${parts.join("")})$`;
}

function pieceOf(piece: string): string {
  if (piece === "**/") return "(?:[^/]+/)*";
  if (piece === "**") return ".*";
  if (piece === "*") return "[^/]*";
  if (piece === "?") return "[^/]";
  if (piece.length > 2 && piece.startsWith("["))
    return `[${piece.slice(1, -1).replace(/^!/, "^").replaceAll("\\", "\\\\")}]`;
  if (piece.length > 1 && piece.startsWith("{")) {
    return `(?:${piece.slice(1, -1).split(",").map(plain).join("|")})`;
  }
  return plain(piece);
}

function plain(text: string): string {
  return text.replace(SPECIAL, "\\$&").replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
}
