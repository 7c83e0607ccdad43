/** A time zone: what its clocks show at any moment. */
export interface Zone {
  /** `UTC`, `Local`, `Europe/Berlin`; empty for an offset without a name. */
  readonly name: string;
  readonly at: (unixSeconds: number) => ZoneOffset;
  /** The offset a zone's abbreviation (`CEST`) stands for at some moment; undefined where it does not occur. */
  readonly named: (abbreviation: string, unixSeconds: number) => number | undefined;
}
export interface ZoneOffset {
  /** Seconds east of Greenwich. */
  readonly offset: number;
  /** `CET`; empty: print the offset. */
  readonly abbreviation: string;
}

/** Finds zones by name, `Europe/Berlin`; undefined: there is none. `Local` is the machine's. */
export type Zones = (name: string) => Zone | undefined;

export const UTC: Zone = fixedZone("UTC", 0);

export function fixedZone(name: string, offset: number): Zone {
  const always = { offset, abbreviation: name };
  return { name, at: () => always, named: (abbreviation) => (abbreviation === name ? offset : undefined) };
}
