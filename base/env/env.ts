import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { Exec } from "./exec.ts";
import type { HttpClient } from "./http-client.ts";
import type { Log } from "./log.ts";
import type { Net } from "./net.ts";
import type { Random } from "./random.ts";

/**
 * Every effect of the program. Code outside the platform reaches the world only through the
 * value of this type that it was handed, so the same code runs in production and in a seeded simulation.
 */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly http: HttpClient;
  readonly disk: Disk;
  readonly exec: Exec;
  readonly log: Log;
}
