import type { Store } from "../store.ts";
import { pagesRanges, readsLargeRanges, readsPast, scansPrefix } from "./reads.ts";
import { closes, compacts, watchesFromThePast, watchesLongHistory, watchesPrefix } from "./watches.ts";
import {
  choosesBranch,
  comparesAll,
  keepsAnyText,
  numbersWrites,
  ordersOps,
  refusesBadTxns,
  settlesRaces,
  sparesRevisions,
  startsEmpty,
} from "./writes.ts";

/** One promise of the contract, on a fresh and empty store. Rejects with what was broken. */
export interface ConformanceCase {
  readonly name: string;
  readonly run: (store: Store) => Promise<void>;
}

/** What every engine must pass: what `store.ts` promises. */
export const conformance: readonly ConformanceCase[] = [
  { name: "starts at revision 0 with nothing in it", run: startsEmpty },
  { name: "numbers revisions and versions", run: numbersWrites },
  { name: "takes no revision for what has no effect", run: sparesRevisions },
  { name: "compares everything a record has", run: comparesAll },
  { name: "takes the other branch when one compare fails", run: choosesBranch },
  { name: "runs ops in order, later ones see earlier ones", run: ordersOps },
  { name: "lets one of many racing writers win", run: settlesRaces },
  { name: "keeps any text", run: keepsAnyText },
  { name: "refuses what is too large or written twice", run: refusesBadTxns },
  { name: "pages a range in order of UTF-8 bytes", run: pagesRanges },
  { name: "reads the past", run: readsPast },
  { name: "reads a large range at one revision", run: readsLargeRanges },
  { name: "scans everything under a prefix", run: scansPrefix },
  { name: "replays history to a watch, then goes on live", run: watchesFromThePast },
  { name: "hands one revision to a watch at once, only what is under its prefix", run: watchesPrefix },
  { name: "never cuts a revision, however long the history", run: watchesLongHistory },
  { name: "compacts", run: compacts },
  { name: "ends watches and refuses calls when closed", run: closes },
];
