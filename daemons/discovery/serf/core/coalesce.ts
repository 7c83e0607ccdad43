import type { MemberChange, MemberEventKind, SerfMember, UserEvent } from "./member.ts";

export interface CoalesceOptions {
  /** Events are held back at most so long … */
  readonly periodMs: number;
  /** … and let go when nothing more came for so long. */
  readonly quiescentMs: number;
}

/** Gathers events and lets them go together. `dueMs` says when; the caller has the clock. */
class Gathering {
  #firstMs: number | undefined;
  #lastMs = 0;
  readonly #options: CoalesceOptions;

  constructor(options: CoalesceOptions) {
    this.#options = options;
  }

  note(nowMs: number): void {
    this.#firstMs ??= nowMs;
    this.#lastMs = nowMs;
  }

  get dueMs(): number | undefined {
    if (this.#firstMs === undefined) return undefined;
    return Math.min(this.#firstMs + this.#options.periodMs, this.#lastMs + this.#options.quiescentMs);
  }

  done(): void {
    this.#firstMs = undefined;
  }
}

/** Of user events of one name, those of the newest Lamport time only. */
export class UserEventCoalescer {
  readonly #gathering: Gathering;
  #latest = new Map<string, { readonly lTime: number; readonly events: UserEvent[] }>();

  constructor(options: CoalesceOptions) {
    this.#gathering = new Gathering(options);
  }

  get dueMs(): number | undefined {
    return this.#gathering.dueMs;
  }

  /** False: this one is not to be held back. */
  add(event: UserEvent, nowMs: number): boolean {
    if (!event.coalesce) return false;
    this.#gathering.note(nowMs);
    const latest = this.#latest.get(event.name);
    if (latest === undefined || latest.lTime < event.lTime)
      this.#latest.set(event.name, { lTime: event.lTime, events: [event] });
    else if (latest.lTime === event.lTime) latest.events.push(event);
    return true;
  }

  flush(): UserEvent[] {
    const events = [...this.#latest.values()].flatMap((each) => each.events);
    this.#latest = new Map();
    this.#gathering.done();
    return events;
  }
}

/** Of changes of one member the last one, and none when it is what was told before. */
export class MemberCoalescer {
  readonly #gathering: Gathering;
  #latest = new Map<string, { readonly kind: MemberEventKind; readonly member: SerfMember }>();
  readonly #told = new Map<string, MemberEventKind>();

  constructor(options: CoalesceOptions) {
    this.#gathering = new Gathering(options);
  }

  get dueMs(): number | undefined {
    return this.#gathering.dueMs;
  }

  add({ kind, members }: MemberChange, nowMs: number): void {
    this.#gathering.note(nowMs);
    for (const member of members) this.#latest.set(member.name, { kind, member });
  }

  flush(): MemberChange[] {
    const byKind = new Map<MemberEventKind, SerfMember[]>();
    for (const [name, { kind, member }] of this.#latest) {
      if (this.#told.get(name) === kind && kind !== "member-update") continue;
      if (kind === "member-reap") this.#told.delete(name);
      else this.#told.set(name, kind);
      byKind.set(kind, [...(byKind.get(kind) ?? []), member]);
    }
    this.#latest = new Map();
    this.#gathering.done();
    return [...byKind].map(([kind, members]) => ({ kind, members }));
  }
}
