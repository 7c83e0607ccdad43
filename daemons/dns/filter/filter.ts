import type { Asked } from "../packet/asked.ts";
import { QUERY_STATUS, type QueryStatus } from "../query-record.ts";
import type { Settings } from "../settings/settings.ts";
import { listHits, type ListHit } from "./list-hits.ts";
import { NameSet, NO_MEMBERSHIP } from "./name-set.ts";
import { NameSetBuilder } from "./name-set-builder.ts";
import {
  compilePolicy,
  compileRules,
  compileServices,
  type ListsInSet,
  type Policy,
  type RuleTable,
  type Verdicts,
} from "./policy.ts";
import { regexMatches, type BlockReply } from "./regex-rule.ts";
import { isActive } from "./schedule.ts";
import { SpecialGate, specialReply } from "./special-names.ts";

/** Names whose regular expressions' findings are remembered, per policy; above, all are forgotten. */
const MAX_MEMO = 4096;
const UNDECIDED: QueryStatus = QUERY_STATUS.forwarded;

/** Who says no to which name for whom. Synchronous, and swapped as a whole when anything changes. */
export class Filter {
  /** Of the last {@link isBlocked} that said yes. */
  status: QueryStatus = UNDECIDED;
  ruleId = 0;
  /** How that one is answered; undefined: as the settings say. */
  reply: BlockReply | undefined;
  readonly #seed: number;
  readonly #services: ReturnType<typeof compileServices>;
  readonly #specialGate: SpecialGate;
  #settings: Settings;
  #rules: RuleTable;
  #lists: ListsInSet;
  #policies = new Map<string, Policy>();
  #active: ReadonlySet<number> = new Set([0]);
  #isOn = true;

  constructor(seed: number, settings: Settings) {
    this.#seed = seed;
    this.#services = compileServices(seed);
    this.#specialGate = new SpecialGate(seed);
    this.#settings = settings;
    this.#rules = compileRules(seed, settings.rules);
    this.#lists = { set: new NameSet(new NameSetBuilder(seed, { names: 0, bytes: 0 }).finish()), lists: [] };
  }

  /** Rules that cannot be read. */
  get problems(): RuleTable["problems"] {
    return this.#rules.problems;
  }

  get blockedNames(): number {
    return this.#lists.set.data.count;
  }

  /** New settings or lists; every policy is compiled anew when it is next asked for. */
  use(change: { readonly settings?: Settings; readonly lists?: ListsInSet }): void {
    if (change.settings !== undefined) {
      if (change.settings.rules !== this.#settings.rules) this.#rules = compileRules(this.#seed, change.settings.rules);
      this.#settings = change.settings;
    }
    if (change.lists !== undefined) this.#lists = change.lists;
    this.#policies = new Map();
  }

  /** Looks at the clock: schedules begin and end, and so does a pause. True when something else holds now. */
  tick(nowMs: number): boolean {
    const { blocking, groups } = this.#settings;
    const isOn = blocking.enabled && !isPaused(blocking.pausedUntilMs, nowMs);
    const holds = groups.filter((group) => isActive(group, nowMs)).map(({ id }) => id);
    const active = new Set(groups.some(({ id }) => id === 0) ? holds : [0, ...holds]);
    const isSame = isOn === this.#isOn && active.size === this.#active.size && active.isSubsetOf(this.#active);
    this.#isOn = isOn;
    this.#active = active;
    if (!isSame) this.#policies = new Map();
    return !isSame;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  policyOf(groups: readonly number[]): Policy {
    const mine = groups.filter((group) => this.#active.has(group)).sort((a, b) => a - b);
    const key = mine.join();
    let policy = this.#policies.get(key);
    if (policy === undefined) {
      const parts = { settings: this.#settings, lists: this.#lists, rules: this.#rules };
      policy = compilePolicy(this.#policies.size, new Set(mine), parts);
      this.#policies.set(key, policy);
    }
    return policy;
  }

  /** What is found is in {@link status}, {@link ruleId} and {@link reply} afterwards. */
  isBlocked(asked: Asked, policy: Policy): boolean {
    if (!this.#isOn) return false;
    this.reply = undefined;
    const rule = verdictOf(this.#rules.exact, asked, policy.ruleVerdicts);
    if (rule < 0) return false;
    let status = UNDECIDED;
    let id = 0;
    if (rule > 0) {
      status = QUERY_STATUS.blockedRule;
      id = rule;
    } else if (policy.services.size > 0 && this.#isOfService(asked, policy)) {
      status = QUERY_STATUS.blockedService;
    } else {
      const list = verdictOf(this.#lists.set, asked, policy.listVerdicts);
      if (list > 0) {
        status = QUERY_STATUS.blockedList;
        id = list;
      }
    }
    if (policy.denyRegexes.length > 0 || (status !== UNDECIDED && policy.allowRegexes.length > 0)) {
      const found = this.#regexVerdict(asked, policy);
      if (found < 0) return false;
      if (found > 0 && status === UNDECIDED) {
        status = QUERY_STATUS.blockedRegex;
        id = found;
        this.reply = policy.denyRegexes.find((each) => each.id === found)?.reply;
      }
    }
    this.status = status;
    this.ruleId = id;
    return status !== UNDECIDED;
  }

  /** Which lists hold a name, enabled for anybody or not. */
  listsWith(name: string): readonly ListHit[] {
    return listHits(this.#seed, name, this.#lists);
  }

  /** Programs' questions whether they may go past this server. */
  special(asked: Asked): ReturnType<typeof specialReply> {
    if (!this.#isOn || !this.#specialGate.mayBeSpecial(asked)) return undefined;
    return specialReply(asked.text(), this.#settings.blocking.specialDomains);
  }

  #isOfService(asked: Asked, policy: Policy): boolean {
    const { set, names } = this.#services;
    for (let n = asked.labels - 1; n >= 0; n--) {
      const membership = set.find(asked, n);
      if (membership === NO_MEMBERSHIP) continue;
      const members = set.data.memberships[membership] ?? [];
      if (members.some((member) => policy.services.has(names[member >> 1] ?? ""))) return true;
    }
    return false;
  }

  #regexVerdict(asked: Asked, policy: Policy): number {
    const name = asked.text();
    const key = `${asked.type} ${name}`;
    const known = policy.memo.get(key);
    if (known !== undefined) return known;
    const { type } = asked;
    const allowed = policy.allowRegexes.find((rule) => regexMatches(rule, name, type));
    const found =
      allowed !== undefined
        ? -allowed.id
        : (policy.denyRegexes.find((rule) => regexMatches(rule, name, type))?.id ?? 0);
    if (policy.memo.size >= MAX_MEMO) policy.memo.clear();
    policy.memo.set(key, found);
    return found;
  }
}

/** Blocking lists: an id; allowed: minus one; 0: neither. Of several suffixes, one that allows wins. */
function verdictOf(set: NameSet, asked: Asked, { exact, below }: Verdicts): number {
  if (set.data.count === 0) return 0;
  let verdict = 0;
  for (let n = asked.labels - 1; n >= 0; n--) {
    const membership = set.find(asked, n);
    if (membership === NO_MEMBERSHIP) continue;
    const found = (n === 0 ? exact : below)[membership] ?? 0;
    if (found < 0) return found;
    if (found > 0) verdict = found;
  }
  return verdict;
}

/** A clock that was set back, or not yet set, must not make a pause last for ever. */
const LONGEST_PAUSE_MS = 7 * 86_400_000;

function isPaused(untilMs: number, nowMs: number): boolean {
  return untilMs > nowMs && untilMs - nowMs <= LONGEST_PAUSE_MS;
}
