import { parseSettings } from "../../settings/read-settings.ts";
import type { ListSettings, RuleSettings, Settings } from "../../settings/settings.ts";
import { checked } from "../domain-routes.ts";
import { NewIds } from "../new-ids.ts";

interface GroupMore {
  readonly enabled?: boolean;
  readonly comment?: string;
  readonly services?: readonly string[];
  readonly safeSearch?: boolean;
}

/** Settings in the making, and what could not become one. */
export class Imported {
  settings: Settings;
  /** What has no counterpart, or was wrong, in words. */
  readonly left: string[] = [];
  readonly #ids: NewIds;

  constructor(onto: Settings) {
    this.settings = onto;
    this.#ids = new NewIds(onto);
  }

  /** One thing that did not come along. */
  leave(what: string): void {
    if (this.left.length < 1000) this.left.push(what);
  }

  /** Takes the settings when they are in order, else says what is wrong with them. */
  take(wanted: unknown, about: string): void {
    const parsed = parseSettings(wanted, about);
    if (parsed.ok) this.settings = parsed.value;
    else this.leave(`${about}: ${parsed.error.message}`);
  }

  addList(list: Pick<ListSettings, "url" | "kind"> & Partial<ListSettings>): void {
    const { settings } = this;
    if (settings.lists.some(({ url, kind }) => url === list.url && kind === list.kind)) return;
    const whole = { name: "", enabled: true, groups: [0], comment: "", ...list, id: this.#ids.next() };
    this.take({ ...settings, lists: [...settings.lists, whole], lastId: this.#ids.last }, `list ${list.url}`);
  }

  addRule(rule: Pick<RuleSettings, "kind" | "match" | "text"> & Partial<RuleSettings>): void {
    const { settings } = this;
    let text: string;
    try {
      text = checked(rule.text, rule.match);
    } catch (thrown) {
      this.leave(`rule ${rule.text}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      return;
    }
    if (settings.rules.some((one) => one.kind === rule.kind && one.match === rule.match && one.text === text)) return;
    const whole: RuleSettings = { enabled: true, groups: [0], comment: "", ...rule, text, id: this.#ids.next() };
    // Checked as a whole at the end: there may be thousands.
    this.settings = { ...settings, rules: [...settings.rules, whole], lastId: this.#ids.last };
  }

  /** The group of that name, made when there is none; its id. */
  group(name: string, more: GroupMore = {}): number {
    const { settings } = this;
    const known = settings.groups.find((group) => group.name === name);
    if (known !== undefined) return known.id;
    const id = this.#ids.next();
    this.take(
      { ...settings, groups: [...settings.groups, { id, name, ...more }], lastId: this.#ids.last },
      `group ${name}`,
    );
    return id;
  }

  /** What holds for everybody nobody described. */
  defaultGroup(more: GroupMore): void {
    const { groups } = this.settings;
    const known = groups.find(({ id }) => id === 0) ?? { id: 0, name: "Default" };
    const others = groups.filter(({ id }) => id !== 0);
    this.take({ ...this.settings, groups: [{ ...known, ...more }, ...others] }, "the default group");
  }

  addClient(client: {
    readonly match: string;
    readonly groups: readonly number[];
    readonly comment?: string;
    readonly servers?: readonly string[];
  }): void {
    const { settings } = this;
    if (settings.clients.some(({ match }) => match === client.match)) return;
    const clients = [...settings.clients, { ...client, id: this.#ids.next() }];
    this.take({ ...settings, clients, lastId: this.#ids.last }, `client ${client.match}`);
  }
}
