/** Since the start. */
export interface Counters {
  received: number;
  malformed: number;
  flooded: number;
  ignored: number;
  offered: number;
  granted: number;
  refused: number;
  /** Grants nobody was told of, because they could not be made durable. */
  unkept: number;
  conflicts: number;
  rogues: number;
}

export function createCounters(): Counters {
  return {
    received: 0,
    malformed: 0,
    flooded: 0,
    ignored: 0,
    offered: 0,
    granted: 0,
    refused: 0,
    unkept: 0,
    conflicts: 0,
    rogues: 0,
  };
}
