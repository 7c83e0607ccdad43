import { readFileSync } from "node:fs";
import * as v from "valibot";
import { programCodeName, programFile, programShape, readEmbeddedText } from "./files.ts";
import { findOriginals, type Position } from "./source-map.ts";

const SourceMapSchema = v.object({ sources: v.array(v.nullable(v.string())), mappings: v.string() });

/** A place in bundled code as V8 prints it: the program's file, or the name the build gives a worker. */
const PLACE =
  /(?<file>lares-worker:[\w./-]+|(?:file:\/\/)?\/[^\s():]+|[^\s():/]+\.[cm]?js):(?<line>\d+):(?<column>\d+)/g;

/**
 * What ends this thread for want of a handler is printed with the TypeScript sources named. Other stacks are mapped where they are printed
 * (`mapStack`): Node asks for the stack of every refused connection, and reading the map takes a tenth of a second.
 */
export function mapUncaughtStacks(): void {
  if (programShape() !== "source") process.on("uncaughtExceptionMonitor", nameSources);
}

function nameSources(thrown: unknown): void {
  if (!(thrown instanceof Error) || thrown.stack === undefined) return;
  Object.defineProperty(thrown, "stack", { value: mapStack(thrown.stack), configurable: true, writable: true });
}

/** Rewrites the places of a printed stack; a place without mapping stays as it is. */
export function mapStack(stack: string): string {
  const perFile = Map.groupBy(stack.matchAll(PLACE), (match) => match.groups?.["file"] ?? "");
  const originals = new Map<string, string>();
  for (const [file, matches] of perFile) {
    const map = readMap(file);
    if (map === undefined) continue;
    const places = matches.map((match) => match[0]);
    const found = findOriginals(map, matches.map(positionOf));
    for (const [index, place] of places.entries()) {
      const original = found[index];
      if (original) originals.set(place, `${original.source}:${original.line + 1}:${original.column + 1}`);
    }
  }
  return stack.replace(PLACE, (place) => originals.get(place) ?? place);
}

/** V8 counts lines and columns from 1, maps from 0. */
function positionOf({ groups }: RegExpMatchArray): Position {
  return { line: Number(groups?.["line"]) - 1, column: Number(groups?.["column"]) - 1 };
}

function readMap(file: string): v.InferOutput<typeof SourceMapSchema> | undefined {
  const text = file.startsWith("lares-worker:")
    ? readEmbeddedText(`${file.slice("lares-worker:".length)}.map`)
    : isProgram(file)
      ? readProgramMap()
      : undefined;
  return text === undefined ? undefined : v.parse(SourceMapSchema, JSON.parse(text));
}

function isProgram(file: string): boolean {
  return file.replace("file://", "") === programCodeName();
}

/** The executable carries its map; `lares.mjs` has it beside itself, where it may have been left behind. */
function readProgramMap(): string | undefined {
  if (programShape() === "executable") return readEmbeddedText("lares.map");
  try {
    return readFileSync(`${programFile()}.map`, "utf8");
  } catch {
    return undefined;
  }
}
