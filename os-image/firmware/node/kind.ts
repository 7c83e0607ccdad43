import { fail, succeed, type Result } from "#base/env/errors.ts";

/** The flavour without more, whose files and channel entries have no word for it. */
const LEAST = "minimal";

/** What a machine is, and what an update is made for. */
export interface Kind {
  /** The system and what machines it is for, RAUC's `compatible`: `lares-amd64`. */
  readonly compatible: string;
  /** What the system holds beside the least: `docker`; undefined, of updates of version 0.1.0 and before: not told. */
  readonly flavour: string | undefined;
}

/** As files and channels name it: `lares-amd64`, `lares-amd64-docker`. */
export function kindName({ compatible, flavour = LEAST }: Kind): string {
  return flavour === LEAST ? compatible : `${compatible}-${flavour}`;
}

/** Nobody loses Docker's engine because a file with a likely name lay on a stick. */
export function requireKind(update: Kind, wanted: Kind): Result<void> {
  if (update.compatible !== wanted.compatible)
    return fail(
      "os_other_machine",
      `the update is for ${update.compatible}, this machine is ${wanted.compatible}`,
      "take the file made for it",
    );
  if (update.flavour === undefined || wanted.flavour === undefined || update.flavour === wanted.flavour)
    return succeed(undefined);
  return fail(
    "os_other_flavour",
    `the update is of the flavour ${update.flavour}, and ${wanted.flavour} is wanted here`,
    `take ${kindName(wanted)}-….raucb; with -flavour=${update.flavour} the machine becomes one of that flavour`,
  );
}
