import type { Checker } from "../checker.ts";

interface Holder {
  readonly client: string;
  /** The world's time. */
  readonly untilMs: number;
  readonly server: string;
}

/**
 * No address is leased twice, and none is forgotten: a client that was told it may use an address does so until the time
 * it was told; nobody else is told the same before, and nobody tells it otherwise.
 */
export class OneHolderPerAddress implements Checker {
  readonly name = "one holder per address";
  acknowledged = 0;
  readonly #holders = new Map<string, Holder>();
  readonly #nowMs: () => number;
  #violation: string | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  told(address: string, holder: Holder): void {
    const other = this.#holders.get(address);
    if (other !== undefined && other.client !== holder.client && other.untilMs > this.#nowMs())
      this.#report(
        `${address} was given to ${holder.client} by ${holder.server}, while ${other.client} has it from ${other.server} for another ${Math.round(other.untilMs - this.#nowMs())} ms`,
      );
    this.#holders.set(address, holder);
    this.acknowledged += 1;
  }

  gaveUp(address: string, client: string): void {
    if (this.#holders.get(address)?.client === client) this.#holders.delete(address);
  }

  /** A server says the client may not use what it has. */
  refused(address: string, client: string, server: string): void {
    const holder = this.#holders.get(address);
    if (holder?.client === client && holder.untilMs > this.#nowMs())
      this.#report(
        `${server} refused ${client} ${address}, which ${holder.server} gave it for another ${Math.round(holder.untilMs - this.#nowMs())} ms`,
      );
  }

  /** Addresses held now → by whom and until when. */
  held(): readonly (readonly [address: string, holder: Holder])[] {
    return [...this.#holders].filter(([, { untilMs }]) => untilMs > this.#nowMs());
  }

  check(): string | undefined {
    return this.#violation;
  }

  #report(violation: string): void {
    this.#violation ??= violation;
  }
}
