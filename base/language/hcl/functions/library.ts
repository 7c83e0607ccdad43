import { collectionFunctions } from "./collection.ts";
import { conversionFunctions } from "./conversion.ts";
import { dateFunctions } from "./date.ts";
import { encodingFunctions } from "./encoding.ts";
import { FILE_FUNCTIONS, fileFunctions, type FileAccess } from "./file.ts";
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
  /** For `file()` and its kin. */
  readonly files?: FileAccess | undefined;
  /** What was loaded for this text: `functionsNamedIn`. */
  readonly onDemand?: ReadonlyMap<string, HclFunction> | undefined;
}

/** Names that exist elsewhere get a message that says so. */
function notHere(reason: string): HclFunction {
  return () => ({ ok: false, message: reason });
}

const NO_FILES = notHere("files cannot be read here; it works where the file is, on the command line");
const NO_EFFECT = notHere("it is not available here; it works on the command line");

const PURE = new Map<string, HclFunction>([
  ...FILE_FUNCTIONS.map((name): [string, HclFunction] => [name, NO_FILES]),
  ...["timestamp", "uuidv4", "bcrypt", "yamldecode"].map((name): [string, HclFunction] => [name, NO_EFFECT]),
  ...[
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
]);

/** All functions expressions may call. */
export function functionLibrary(effects: LibraryEffects = {}): ReadonlyMap<string, HclFunction> {
  const { now, uuid, files, onDemand } = effects;
  const all = new Map(PURE);
  if (now !== undefined)
    all.set(
      "timestamp",
      none(() => new Date(now()).toISOString().replace(/\.\d+Z$/, "Z")),
    );
  if (uuid !== undefined) all.set("uuidv4", none(uuid));
  if (files !== undefined) for (const [name, each] of Object.entries(fileFunctions(files))) all.set(name, each);
  for (const [name, each] of onDemand ?? []) all.set(name, each);
  return all;
}
