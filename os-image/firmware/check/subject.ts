/** What is looked at: a tree, or a machine. Undefined: it cannot be known here. */
export interface Subject {
  /** Follows links, inside of the tree. */
  stat(path: string): Promise<FileFacts | undefined>;
  text(path: string): Promise<string | undefined>;
  /** The unit is started at boot, and is never. */
  unit(name: string): Promise<UnitFacts>;
  live: Live | undefined;
}

export interface FileFacts {
  /** Octal, four digits. */
  readonly mode: string;
  /** Where it points, when it is a link. */
  readonly target: string | undefined;
}

export interface UnitFacts {
  readonly exists: boolean;
  readonly enabled: boolean;
  readonly masked: boolean;
}

export interface Live {
  running(unit: string): Promise<boolean>;
  run(line: string): Promise<{ readonly code: number; readonly stdout: string }>;
  interfaces(): readonly { readonly name: string; readonly up: boolean; readonly hasAddress: boolean }[];
}
