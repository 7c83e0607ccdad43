import { matchesGlob } from "./glob.ts";

export interface ChildEnvironment {
  /** Nothing of ours but `always` and `custom`. */
  readonly pristine: boolean;
  /** Where the servers are that the program may want, too. */
  readonly always?: Readonly<Record<string, string>>;
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
  { pristine, always = {}, custom, allowlist, denylist }: ChildEnvironment,
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
  return { ...Object.fromEntries(kept), ...always, ...Object.fromEntries(added) };
}

function expand(text: string, ours: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (_, braced?: string, bare?: string) => ours[braced ?? bare ?? ""] ?? "",
  );
}
