import { indexOfName } from "../alloc-state.ts";

export function allocName(jobId: string, group: string, index: number): string {
  return `${jobId}.${group}[${index}]`;
}

/** Hands out the lowest free indexes of `job.group[index]`. */
export class AllocNames {
  readonly #jobId: string;
  readonly #group: string;
  readonly #used: Set<number>;
  #next = 0;

  constructor(jobId: string, group: string, used: Iterable<string>) {
    this.#jobId = jobId;
    this.#group = group;
    this.#used = new Set([...used].map(indexOfName));
  }

  take(): string {
    while (this.#used.has(this.#next)) this.#next += 1;
    this.#used.add(this.#next);
    return allocName(this.#jobId, this.#group, this.#next);
  }
}
