import type { RE2JS } from "re2js";
import { compilePattern } from "#base/language/pattern.ts";
import type { Settings } from "../settings/settings.ts";

/** What top lists and the query log do not show: `log.excludeClients` and `log.excludeDomains`, regular expressions. */
export class Hidden {
  #key = "";
  #clients: readonly RE2JS[] = [];
  #names: readonly RE2JS[] = [];
  readonly #settings: () => Settings["log"];

  constructor(settings: () => Settings["log"]) {
    this.#settings = settings;
  }

  hasClient(client: string, name: string): boolean {
    this.#look();
    return this.#clients.some((pattern) => pattern.matcher(client).find() || pattern.matcher(name).find());
  }

  hasName(name: string): boolean {
    this.#look();
    return this.#names.some((pattern) => pattern.matcher(name).find());
  }

  get isEmpty(): boolean {
    this.#look();
    return this.#clients.length === 0 && this.#names.length === 0;
  }

  #look(): void {
    const { excludeClients, excludeDomains } = this.#settings();
    const key = JSON.stringify([excludeClients, excludeDomains]);
    if (key === this.#key) return;
    this.#key = key;
    this.#clients = compileAll(excludeClients);
    this.#names = compileAll(excludeDomains);
  }
}

/** Those that are none hide nothing. */
function compileAll(patterns: readonly string[]): RE2JS[] {
  return patterns.flatMap((pattern) => {
    const compiled = compilePattern(pattern);
    return compiled.ok ? [compiled.value] : [];
  });
}
