/** A variable's name that a POSIX shell can hold. */
export function cleanName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]/g, "_");
}
