import { all, f1, STRING, type Defined } from "#base/language/go-template/functions/define.ts";
import { GoError } from "#base/language/go-template/value.ts";
import { quote } from "#base/language/go-template/format/quote.ts";
import { trimSpace } from "#base/language/go-template/functions/text/trim.ts";
import * as parse from "../dependencies/parse-dependency.ts";
import { ask, type Sources } from "./sources.ts";

/** consul-template's functions over Vault's API; `destination` is the file that a certificate is kept in. */
export function vaultFunctions(sources: Sources, destination: string): readonly Defined[] {
  return [
    all("secret", STRING, ([path, ...pairs]) => {
      if (path === undefined) return null;
      const data = readPairs(pairs);
      if (data instanceof GoError) return data;
      const query = pairs.length === 0 ? parse.parseSecret(path) : parse.parseSecretWrite(path, data);
      return ask(sources, query, { empty: null });
    }),
    all("pkiCert", STRING, ([path, ...pairs]) => {
      if (path === undefined) return null;
      const data = readPairs(pairs);
      return data instanceof GoError
        ? data
        : ask(sources, parse.parsePki(path, { data, destination }), { empty: null });
    }),
    f1("secrets", [STRING], (path) => (path === "" ? [] : ask(sources, parse.parseSecretList(path), { empty: [] }))),
  ];
}

/** `key=value` pairs; empty ones are passed over. */
function readPairs(pairs: readonly string[]): ReadonlyMap<string, string> | GoError {
  const data = new Map<string, string>();
  for (const pair of pairs) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    if (at === -1) return new GoError(`not k=v pair ${quote(pair)}`);
    data.set(trimSpace(pair.slice(0, at)), trimSpace(pair.slice(at + 1)));
  }
  return data;
}
