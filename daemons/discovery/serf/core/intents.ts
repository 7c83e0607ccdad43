import { MAX_INTENTS } from "./limits.ts";

export interface Intent {
  readonly kind: "join" | "leave";
  readonly time: number;
  readonly atMs: number;
}

/** Word about nodes that are not known yet is kept so long (Serf's `RecentIntentTimeout`). */
const KEPT_MS = 5 * 60_000;

/** Intents that came before the news that their node is there. */
export class Intents {
  readonly #intents = new Map<string, Intent>();

  of(node: string): Intent | undefined {
    return this.#intents.get(node);
  }

  /** True when it is newer than what was known. */
  note(node: string, intent: Intent): boolean {
    const known = this.#intents.get(node);
    if (known !== undefined && known.time >= intent.time) return false;
    if (known === undefined && this.#intents.size >= MAX_INTENTS) return false;
    this.#intents.set(node, intent);
    return true;
  }

  reap(nowMs: number): void {
    for (const [node, intent] of this.#intents) if (nowMs - intent.atMs > KEPT_MS) this.#intents.delete(node);
  }
}
