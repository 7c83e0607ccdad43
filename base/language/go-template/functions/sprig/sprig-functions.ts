import type { Defined } from "../define.ts";
import { cryptoFunctions } from "./crypto-functions.ts";
import { dateFunctions, type Now } from "./date-functions.ts";
import { defaultFunctions } from "./default-functions.ts";
import { dictFunctions } from "./dict-functions.ts";
import { listFunctions } from "./list-functions.ts";
import { numberFunctions } from "./number-functions.ts";
import { pathFunctions } from "./path-functions.ts";
import { reflectionFunctions } from "./reflection-functions.ts";
import { regexFunctions } from "./regex-functions.ts";
import { stringFunctions } from "./string-functions.ts";

/**
 * sprig's functions under their own names (https://masterminds.github.io/sprig/), as far as they need nothing but their
 * arguments and the time. Those that draw lots, or make keys and certificates, are where templates are rendered; not there is
 * `getHostByName`.
 */
export function sprigFunctions(now: Now): readonly Defined[] {
  return [
    ...stringFunctions,
    ...numberFunctions,
    ...listFunctions,
    ...dictFunctions,
    ...defaultFunctions,
    ...reflectionFunctions,
    ...regexFunctions,
    ...pathFunctions,
    ...cryptoFunctions,
    ...dateFunctions(now),
  ];
}
