/** The operating system's code of whatever a Node call threw (`ENOENT`, `EADDRINUSE` …), or `EUNKNOWN`. */
export function codeOf(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && typeof thrown.code === "string") {
    return thrown.code;
  }
  return "EUNKNOWN";
}
