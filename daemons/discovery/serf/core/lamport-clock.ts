/** Lamport's clock: orders what members do without their wall clocks ("Time, Clocks, and the Ordering of Events", 1978). */
export class LamportClock {
  #time: number;

  constructor(time = 0) {
    this.#time = time;
  }

  get time(): number {
    return this.#time;
  }

  /** The time of the next thing this node does. */
  increment(): number {
    this.#time += 1;
    return this.#time;
  }

  /** Something of `time` was seen: what comes next here is later. */
  witness(time: number): void {
    if (time >= this.#time) this.#time = time + 1;
  }
}
