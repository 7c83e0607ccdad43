import { MAX_ANSWERS } from "./limits.ts";

export interface QueryAnswer {
  readonly from: string;
  readonly payload: Uint8Array;
}

/** What comes back for a query of this node. Each is told once; `onDone` is the last call. */
export interface QueryListener {
  onAck?(from: string): void;
  onResponse?(answer: QueryAnswer): void;
  onDone?(): void;
}

/** A query of this node that waits for answers. */
export class OpenQuery {
  readonly id: number;
  readonly lTime: number;
  readonly deadlineMs: number;
  readonly #acks = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #listener: QueryListener;
  #open = true;

  constructor(
    at: { readonly id: number; readonly lTime: number; readonly deadlineMs: number },
    listener: QueryListener,
  ) {
    this.id = at.id;
    this.lTime = at.lTime;
    this.deadlineMs = at.deadlineMs;
    this.#listener = listener;
  }

  get open(): boolean {
    return this.#open;
  }

  get acks(): number {
    return this.#acks.size;
  }

  get responses(): number {
    return this.#answered.size;
  }

  /** Answers come more than once where they were relayed. */
  take(from: string, payload: Uint8Array | undefined): void {
    const known = payload === undefined ? this.#acks : this.#answered;
    if (!this.#open || known.has(from) || known.size >= MAX_ANSWERS) return;
    known.add(from);
    if (payload === undefined) this.#listener.onAck?.(from);
    else this.#listener.onResponse?.({ from, payload });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#listener.onDone?.();
  }
}
