import { matchGlob } from "#base/language/glob.ts";
import type { MailRoute } from "./send-mail.ts";
import type { CatalogCheck, CheckStatus } from "#base/protocol/catalog.ts";

/** Who is told of what, and when. Names are patterns in which `*` stands for anything. */
export interface AlertRule {
  readonly name: string;
  readonly services: readonly string[];
  readonly nodes: readonly string[];
  readonly checks: readonly string[];
  /** Statuses that are told; that it passes again always is. */
  readonly on: readonly CheckStatus[];
  /** A status must hold this long: what flaps is not told. */
  readonly afterMs: number;
  /** Between reminders of what nobody acknowledged; 0: none. */
  readonly remindMs: number;
  /** `22:00-07:00` in UTC: what comes up then is told afterwards. Empty: none. */
  readonly quiet: string;
  readonly webhook: string;
  readonly slack: string;
  readonly command: readonly string[];
  readonly email?: MailRoute | undefined;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A rule without patterns of a kind is for all of that kind. */
export function isFor(rule: AlertRule, check: CatalogCheck): boolean {
  const fits = (patterns: readonly string[], name: string): boolean =>
    patterns.length === 0 || patterns.some((pattern) => matchGlob(pattern, name));
  const ofService = fits(rule.services, check.ServiceName) && (rule.services.length === 0 || check.ServiceName !== "");
  return ofService && fits(rule.nodes, check.Node) && fits(rule.checks, check.CheckID);
}

/** What the rule makes of a status: one that it does not tell counts as passing. */
export function toldAs(rule: AlertRule, status: CheckStatus | undefined): CheckStatus {
  return status !== undefined && rule.on.includes(status) ? status : "passing";
}

/** Until the quiet hours are over; 0 outside of them. */
export function quietMs(quiet: string, nowMs: number): number {
  const [, fromH, fromM, toH, toM] = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(quiet) ?? [];
  if (toM === undefined) return 0;
  const from = (Number(fromH) * 60 + Number(fromM)) * MINUTE_MS;
  const to = (Number(toH) * 60 + Number(toM)) * MINUTE_MS;
  const now = nowMs % DAY_MS;
  const isQuiet = from <= to ? now >= from && now < to : now >= from || now < to;
  return isQuiet ? (to - now + DAY_MS) % DAY_MS : 0;
}
