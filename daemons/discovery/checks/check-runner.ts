import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { CheckSpec } from "./check-spec.ts";
import type { ProbeResult } from "./probe.ts";
import { runProbe, type ActiveProbe } from "./run-probe.ts";
import { observe, type CheckProgress } from "./threshold.ts";

/** The first pause of a check that never passed yet: a task that just started is probed often, ever less so. */
const EAGER_FIRST_MS = 100;

export interface RunnerOptions {
  readonly spec: CheckSpec;
  /** Where it stands before the first result. */
  readonly status: CheckStatus;
  readonly output: string;
  /** First run at once, and often until the first pass: for tasks that are starting. Else after a random part of the interval. */
  readonly eager: boolean;
  /** Called when the status or the output changed. */
  readonly onChange: () => void;
  /** The service was critical for as long as its definition tolerates. */
  readonly onOverdue: () => void;
}

/** One check of this node's: when it runs, and where it stands. */
export class CheckRunner {
  readonly #env: Env;
  readonly #options: RunnerOptions;
  readonly #stopped = new AbortController();
  #progress: CheckProgress;
  #output: string;
  #settledMs = 0;
  #timer: Timer | undefined;
  #overdue: Timer | undefined;
  #eagerMs: number;

  constructor(env: Env, options: RunnerOptions) {
    this.#env = env;
    this.#options = options;
    this.#progress = { status: options.status, successes: 0, failures: 0 };
    this.#output = options.output;
    this.#eagerMs = options.eager && options.status !== "passing" ? EAGER_FIRST_MS : 0;
  }

  get status(): CheckStatus {
    return this.#progress.status;
  }

  get output(): string {
    return this.#output;
  }

  /** Wall clock of the newest result; 0: none yet. */
  get settledMs(): number {
    return this.#settledMs;
  }

  start(): void {
    this.#watchOverdue();
    const { probe, intervalMs } = this.#options.spec;
    switch (probe.kind) {
      case "ttl":
        return this.#expireAfter(probe.ttlMs);
      case "alias":
      case "maintenance":
        return;
      case "tcp":
      case "udp":
      case "http":
      case "h2ping":
      case "grpc":
      case "docker":
      case "os_service":
      case "node":
      case "script": {
        // Spread, so that the checks of a restarted agent do not all run in one instant.
        const first = this.#options.eager ? 0 : this.#env.random.float() * intervalMs;
        this.#timer = this.#env.clock.after(first, () => void this.#run(probe));
        return;
      }
      default:
        probe satisfies never;
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#timer?.cancel();
    this.#overdue?.cancel();
  }

  /** A heartbeat of a TTL check. False when this check is of another kind. */
  heartbeat(status: CheckStatus, output: string): boolean {
    const { probe } = this.#options.spec;
    if (probe.kind !== "ttl") return false;
    this.#expireAfter(probe.ttlMs);
    this.#settle({ ...this.#progress, status }, output);
    return true;
  }

  /** What somebody else's run of the check found out: a heartbeat for which the thresholds count. */
  report(status: CheckStatus, output: string): void {
    const { probe, thresholds } = this.#options.spec;
    if (probe.kind !== "ttl") return;
    this.#expireAfter(probe.ttlMs);
    this.#settle(observe(this.#progress, status, thresholds), output);
  }

  /** What an alias stands for changed. */
  follow(result: ProbeResult): void {
    this.#settle({ ...this.#progress, status: result.status }, result.output);
  }

  async #run(probe: ActiveProbe): Promise<void> {
    const { spec } = this.#options;
    const { timeoutMs, maxOutputBytes } = spec;
    const result = await runProbe(this.#env, probe, { timeoutMs, maxOutputBytes, signal: this.#stopped.signal });
    if (this.#stopped.signal.aborted) return;
    this.#settle(observe(this.#progress, result.status, spec.thresholds), result.output);
    this.#timer = this.#env.clock.after(this.#pauseMs(probe), () => void this.#run(probe));
  }

  #pauseMs(probe: ActiveProbe): number {
    const { intervalMs } = this.#options.spec;
    if (this.#progress.status === "passing" || probe.kind === "script" || probe.kind === "docker") this.#eagerMs = 0;
    if (this.#eagerMs === 0 || this.#eagerMs >= intervalMs) return intervalMs;
    const pauseMs = this.#eagerMs;
    this.#eagerMs *= 2;
    return pauseMs;
  }

  #expireAfter(ttlMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#env.clock.after(ttlMs, () => {
      this.#settle(
        { ...this.#progress, status: "critical" },
        `TTL expired (last output before timeout follows): ${this.#output}`,
      );
    });
  }

  #settle(progress: CheckProgress, output: string): void {
    const kept = capped(output, this.#options.spec.maxOutputBytes);
    const changed = progress.status !== this.#progress.status || kept !== this.#output;
    this.#progress = progress;
    this.#output = kept;
    this.#settledMs = this.#env.clock.nowMs();
    this.#watchOverdue();
    if (changed) this.#options.onChange();
  }

  #watchOverdue(): void {
    const { deregisterAfterMs } = this.#options.spec;
    if (this.#progress.status !== "critical" || deregisterAfterMs === undefined) {
      this.#overdue?.cancel();
      this.#overdue = undefined;
      return;
    }
    this.#overdue ??= this.#env.clock.after(deregisterAfterMs, () => this.#options.onOverdue());
  }
}

/** Cut to `maxBytes` of UTF-8, saying that it was. */
function capped(output: string, maxBytes: number): string {
  if (output.length * 3 <= maxBytes) return output;
  const bytes = new TextEncoder().encode(output);
  if (bytes.length <= maxBytes) return output;
  const note = `\n... (${bytes.length - maxBytes} bytes more)`;
  const kept = new TextDecoder().decode(bytes.subarray(0, Math.max(0, maxBytes - note.length)));
  return `${kept.replace(/\uFFFD+$/, "")}${note}`;
}
