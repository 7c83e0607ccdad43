import type { GroupSettings, ListSettings, RuleSettings, Settings } from "../settings/settings.ts";
import { NameSet } from "./name-set.ts";
import { NameSetBuilder } from "./name-set-builder.ts";
import { readRegexRule, type RegexRule } from "./regex-rule.ts";
import { SERVICE_PRESETS } from "./service-presets.ts";

/** What holds for clients of the same groups. */
export interface Policy {
  /** Small and dense: the first 31 have a bit in stored replies. */
  readonly id: number;
  readonly groups: ReadonlySet<number>;
  readonly safeSearch: boolean;
  readonly services: ReadonlySet<string>;
  readonly allowRegexes: readonly ActiveRegex[];
  readonly denyRegexes: readonly ActiveRegex[];
  /** Per membership of the lists' set: list that blocks, minus one that allows, 0. For the name itself, and for names below. */
  readonly listVerdicts: Verdicts;
  /** The same for exact rules. */
  readonly ruleVerdicts: Verdicts;
  /** Regular expressions' findings by name and type: 0 none, an id that denies, minus one that allows. */
  readonly memo: Map<string, number>;
}

export interface ActiveRegex extends RegexRule {
  readonly id: number;
}

export interface Verdicts {
  readonly exact: Int32Array;
  readonly below: Int32Array;
}

/** Lists in the order of the set's memberships: each has two places there, its names and its exceptions. */
export interface ListsInSet {
  readonly set: NameSet;
  readonly lists: readonly { readonly id: number; readonly kind: "block" | "allow" }[];
}

export interface RuleTable {
  /** Exact rules, list n is rule n. */
  readonly exact: NameSet;
  readonly exactRules: readonly RuleSettings[];
  readonly regexes: readonly { readonly rule: RuleSettings; readonly regex: RegexRule }[];
  /** Rules that cannot be read, and why. */
  readonly problems: readonly { readonly id: number; readonly message: string }[];
}

export function compileRules(seed: number, rules: readonly RuleSettings[]): RuleTable {
  const exactRules = rules.filter(({ match, enabled }) => match === "exact" && enabled);
  const bytes = exactRules.reduce((sum, rule) => sum + rule.text.length, 0);
  const builder = new NameSetBuilder(seed, { names: exactRules.length, bytes });
  const problems: { id: number; message: string }[] = [];
  for (const [list, rule] of exactRules.entries()) {
    const text = Buffer.from(rule.text.replace(/\.$/, ""));
    if (!builder.add(text, { from: 0, to: text.length }, { list, below: false }))
      problems.push({ id: rule.id, message: `${JSON.stringify(rule.text)} is no name` });
  }
  const regexes = rules
    .filter(({ match, enabled }) => match === "regex" && enabled)
    .flatMap((rule) => {
      const regex = readRegexRule(rule.text);
      if (regex.ok) return [{ rule, regex: regex.value }];
      problems.push({ id: rule.id, message: regex.error.message });
      return [];
    });
  return { exact: new NameSet(builder.finish()), exactRules, regexes, problems };
}

/** All presets as one set: list n is the n-th service. */
export function compileServices(seed: number): { readonly set: NameSet; readonly names: readonly string[] } {
  const names = Object.keys(SERVICE_PRESETS);
  const domains = Object.values(SERVICE_PRESETS);
  const size = { names: domains.flat().length, bytes: domains.flat().join("").length };
  const builder = new NameSetBuilder(seed, size);
  for (const [list, each] of domains.entries()) {
    for (const domain of each) {
      const text = Buffer.from(domain);
      builder.add(text, { from: 0, to: text.length }, { list, below: true });
    }
  }
  return { set: new NameSet(builder.finish()), names };
}

export interface PolicyParts {
  readonly settings: Settings;
  readonly lists: ListsInSet;
  readonly rules: RuleTable;
}

/** `groups`: those that hold now. Group 0 holds where nothing else is said of it. */
export function compilePolicy(
  id: number,
  groups: ReadonlySet<number>,
  { settings, lists, rules }: PolicyParts,
): Policy {
  const isMine = (each: { readonly groups: readonly number[] }): boolean =>
    each.groups.some((group) => groups.has(group));
  const mine = settings.groups.filter((group: GroupSettings) => groups.has(group.id));
  const listSettings = new Map(settings.lists.map((list): [number, ListSettings] => [list.id, list]));
  const regexes = rules.regexes.filter(({ rule }) => isMine(rule));
  const active = (kind: RuleSettings["kind"]) =>
    regexes.filter(({ rule }) => rule.kind === kind).map(({ rule, regex }) => ({ ...regex, id: rule.id }));
  return {
    id,
    groups,
    safeSearch: mine.some(({ safeSearch }) => safeSearch),
    services: new Set(mine.flatMap(({ services }) => services)),
    allowRegexes: active("allow"),
    denyRegexes: active("deny"),
    listVerdicts: verdicts(lists.set, (member) => {
      const list = lists.lists[member >> 1];
      const set = list === undefined ? undefined : listSettings.get(list.id);
      if (list === undefined || set?.enabled !== true || !isMine(set)) return 0;
      // An exception of a list means the opposite of its names.
      return (list.kind === "block") === ((member & 1) === 0) ? list.id : -list.id;
    }),
    ruleVerdicts: verdicts(rules.exact, (member) => {
      const rule = rules.exactRules[member];
      if (rule === undefined || !isMine(rule)) return 0;
      return rule.kind === "deny" ? rule.id : -rule.id;
    }),
    memo: new Map(),
  };
}

/** Whoever allows, wins; then the first that blocks. */
function verdicts(set: NameSet, judge: (list: number) => number): Verdicts {
  const { memberships } = set.data;
  const exact = new Int32Array(memberships.length);
  const below = new Int32Array(memberships.length);
  for (const [n, members] of memberships.entries()) {
    const judged = members.map((member) => ({ verdict: judge(member >> 1), isBelow: (member & 1) === 1 }));
    const winner = (all: typeof judged): number =>
      (all.find(({ verdict }) => verdict < 0) ?? all.find(({ verdict }) => verdict > 0))?.verdict ?? 0;
    exact[n] = winner(judged);
    below[n] = winner(judged.filter(({ isBelow }) => isBelow));
  }
  return { exact, below };
}
