/**
 * The elements of Go's reference time, Mon Jan 2 15:04:05 -0700 MST 2006 (https://pkg.go.dev/time#pkg-constants).
 * Everything else in a layout stands for itself.
 */
export type LayoutElement =
  | "January"
  | "Jan"
  | "1"
  | "01"
  | "Monday"
  | "Mon"
  | "2"
  | "_2"
  | "02"
  | "__2"
  | "002"
  | "15"
  | "3"
  | "03"
  | "4"
  | "04"
  | "5"
  | "05"
  | "2006"
  | "06"
  | "PM"
  | "pm"
  | "MST"
  | ZoneElement
  | "fraction0"
  | "fraction9";
export type ZoneElement = (typeof ZONES)[number];

export interface Chunk {
  /** What stands before the element. */
  readonly prefix: string;
  /** Undefined: the layout ends without another element. */
  readonly element: LayoutElement | undefined;
  /** The element as written. */
  readonly text: string;
}

const ZONES = [
  "Z070000",
  "Z07:00:00",
  "Z0700",
  "Z07:00",
  "Z07",
  "-070000",
  "-07:00:00",
  "-0700",
  "-07:00",
  "-07",
] as const;
const DIGITS = ["002", "01", "02", "03", "04", "05", "06", "15", "1", "2006", "2", "3", "4", "5"] as const;
const REST = ["__2", "PM", "pm", "MST"] as const;
const FRACTION = /[.,](?:0+|9+)(?!\d)/y;

/** Takes a layout apart; the last chunk has no element. */
export function splitLayout(layout: string): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  for (let at = 0; at < layout.length;) {
    const found = elementAt(layout, at);
    if (found === undefined) {
      at++;
      continue;
    }
    // `_2006` is an underscore and a year.
    const skip = found.element === "2006" && layout[at] === "_" ? 1 : 0;
    chunks.push({ prefix: layout.slice(start, at + skip), element: found.element, text: found.text.slice(skip) });
    at += found.text.length;
    start = at;
  }
  return [...chunks, { prefix: layout.slice(start), element: undefined, text: "" }];
}

interface Found {
  readonly element: LayoutElement;
  readonly text: string;
}

function elementAt(layout: string, at: number): Found | undefined {
  switch (layout[at]) {
    case "J":
      return name(layout, at, ["January", "Jan"]);
    case "M":
      return name(layout, at, ["Monday", "Mon"]) ?? starting(layout, at, REST);
    case "P":
    case "p":
      return starting(layout, at, REST);
    case "_":
      return underscore(layout, at);
    case "-":
    case "Z":
      return starting(layout, at, ZONES);
    case ".":
    case ",":
      return fraction(layout, at);
    default:
      return starting(layout, at, DIGITS);
  }
}

/** A short name only counts when no lower-case letter follows: `Monstrous` holds no weekday. */
function name(layout: string, at: number, [long, short]: ["January", "Jan"] | ["Monday", "Mon"]): Found | undefined {
  if (layout.startsWith(long, at)) return { element: long, text: long };
  const after = layout[at + 3] ?? "";
  return layout.startsWith(short, at) && !(after >= "a" && after <= "z") ? { element: short, text: short } : undefined;
}

function starting(layout: string, at: number, elements: readonly LayoutElement[]): Found | undefined {
  const element = elements.find((candidate) => layout.startsWith(candidate, at));
  return element === undefined ? undefined : { element, text: element };
}

function underscore(layout: string, at: number): Found | undefined {
  if (layout.startsWith("_2006", at)) return { element: "2006", text: "_2006" };
  if (layout.startsWith("_2", at)) return { element: "_2", text: "_2" };
  return starting(layout, at, REST);
}

function fraction(layout: string, at: number): Found | undefined {
  FRACTION.lastIndex = at;
  const text = FRACTION.exec(layout)?.[0];
  return text === undefined ? undefined : { element: text[1] === "0" ? "fraction0" : "fraction9", text };
}
