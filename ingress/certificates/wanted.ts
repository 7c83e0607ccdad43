import { createHash } from "node:crypto";
import type { Route } from "../routes/route.ts";

/** A name that is to have a certificate, and who is to give it. */
export interface Wanted {
  /** `shop.example.com`, or `*.example.com`. */
  readonly name: string;
  readonly by: "acme" | "internal";
}

/** The names of routes that ask for a certificate, in a fixed order. */
export function wantedOf(routes: readonly Pick<Route, "match" | "options">[]): readonly Wanted[] {
  const wanted = routes.flatMap(({ match, options: { certificate: by } }): readonly Wanted[] => {
    if (by === undefined || match.kind !== "http") return [];
    if (match.hostKind === "exact") return [{ name: match.host, by }];
    return match.hostKind === "below" ? [{ name: `*.${match.host}`, by }] : [];
  });
  return wanted.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where the certificate of a host name lies that was got here. */
export function certificateKeyOf(store: string, { name, by }: Wanted): string {
  // A label that no host has, in a name that is a file's.
  const plain = name.replace(/^\*\./, "_.");
  // A name in the store has at most 64 characters.
  const short = plain.length <= 55 ? plain : createHash("sha256").update(plain).digest("hex").slice(0, 40);
  return `${store}/certificates/${by}-${short}`;
}

/** A host that the certificate of `name` has to be good for. */
export function exampleOf(name: string): string {
  return name.replace(/^\*\./, "any.");
}
