import { matchesGlob } from "./glob.ts";

export interface ChildEnvironment {
  /** Nothing of ours but `custom`. */
  readonly pristine: boolean;
  /** `NAME=value`, always there. `$NAME` and `${NAME}` in a value stand for our own variables. */
  readonly custom: readonly string[];
  /** Patterns; empty: everything. */
  readonly allowlist: readonly string[];
  /** Patterns; these win. */
  readonly denylist: readonly string[];
}

/** The environment of a program we start. Names that are empty or no text are left out. */
export function childEnvironment(
  ours: Readonly<Record<string, string>>,
  { pristine, custom, allowlist, denylist }: ChildEnvironment,
): Record<string, string> {
  const kept = pristine
    ? []
    : Object.entries(ours).filter(
        ([name]) =>
          (allowlist.length === 0 || allowlist.some((pattern) => matchesGlob(name, pattern))) &&
          !denylist.some((pattern) => matchesGlob(name, pattern)),
      );
  const added = custom.flatMap((entry): [string, string][] => {
    const at = entry.indexOf("=");
    return at <= 0 ? [] : [[entry.slice(0, at), expand(entry.slice(at + 1), ours)]];
  });
  return Object.fromEntries([...kept, ...added]);
}

function expand(text: string, ours: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (_, braced?: string, bare?: string) => ours[braced ?? bare ?? ""] ?? "",
  );
}
