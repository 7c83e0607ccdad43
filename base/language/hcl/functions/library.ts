import { collectionFunctions } from "./collection.ts";
import { conversionFunctions } from "./conversion.ts";
import { dateFunctions } from "./date.ts";
import { encodingFunctions } from "./encoding.ts";
import { fileFunctions } from "./file.ts";
import { formatFunctions } from "./format.ts";
import { none, type HclFunction } from "./function.ts";
import { networkFunctions } from "./network.ts";
import { numericFunctions } from "./numeric.ts";
import { pathFunctions } from "./path.ts";
import { stringFunctions } from "./string.ts";

/** What functions with effects may use; without it they do not exist. */
export interface LibraryEffects {
  /** Milliseconds since the epoch, for `timestamp()`. */
  readonly now?: (() => number) | undefined;
  /** For `uuidv4()`. */
  readonly uuid?: (() => string) | undefined;
  /** For `file()` and its kin: the bytes, or undefined when there is no such file. */
  readonly readFile?: ((path: string) => Uint8Array | undefined) | undefined;
}

const PURE = new Map<string, HclFunction>(
  [
    stringFunctions,
    collectionFunctions,
    numericFunctions,
    encodingFunctions,
    formatFunctions,
    networkFunctions,
    conversionFunctions,
    pathFunctions,
    dateFunctions,
  ].flatMap((family) => Object.entries(family)),
);

/** All functions expressions may call. */
export function functionLibrary(effects: LibraryEffects = {}): ReadonlyMap<string, HclFunction> {
  const { now, uuid, readFile } = effects;
  if (now === undefined && uuid === undefined && readFile === undefined) return PURE;
  const all = new Map(PURE);
  if (now !== undefined)
    all.set(
      "timestamp",
      none(() => new Date(now()).toISOString().replace(/\.\d+Z$/, "Z")),
    );
  if (uuid !== undefined) all.set("uuidv4", none(uuid));
  if (readFile !== undefined) for (const [name, each] of Object.entries(fileFunctions(readFile))) all.set(name, each);
  return all;
}
