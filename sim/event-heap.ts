export interface WorldEvent {
  /** True time of the world in milliseconds. */
  readonly timeMs: number;
  readonly sequence: number;
  /** For the trace. */
  readonly label: string;
  /** Whose event this is; undefined for the world's own. */
  readonly owner: EventOwner | undefined;
  readonly fire: () => void;
  cancelled: boolean;
}

/** One life of a node: what was meant for a life that is over is never delivered. */
export interface EventOwner {
  readonly name: string;
  readonly alive: boolean;
  readonly paused: boolean;
  /** Takes an event that comes while the node is paused. */
  postpone(event: WorldEvent): void;
}

/** Binary heap ordered by time, then by the order of scheduling. */
export class EventHeap {
  readonly #events: WorldEvent[] = [];

  get size(): number {
    return this.#events.length;
  }

  push(event: WorldEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = events[above];
      if (parent === undefined || !before(event, parent)) break;
      events[at] = parent;
      at = above;
    }
    events[at] = event;
  }

  peek(): WorldEvent | undefined {
    return this.#events[0];
  }

  pop(): WorldEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = events[2 * at + 1];
      const right = events[2 * at + 2];
      const least = left !== undefined && right !== undefined && before(right, left) ? right : left;
      if (least === undefined || !before(least, last)) break;
      events[at] = least;
      at = least === right ? 2 * at + 2 : 2 * at + 1;
    }
    events[at] = last;
    return first;
  }
}

function before(a: WorldEvent, b: WorldEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence);
}
