import type { Clock } from "#base/env/clock.ts";
import type { Disk } from "#base/env/disk.ts";
import type { Random } from "#base/env/random.ts";
import type { Certificate } from "../../dependencies/vault-answers.ts";
import type { RetryPolicy } from "../../engine/retry.ts";
import type { LeasePolicy } from "./lease.ts";
import type { VaultApi } from "./vault-api.ts";
import type { VaultToken } from "./vault-token.ts";

export interface VaultSourceOptions<V> {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly api: VaultApi;
  readonly token: Pick<VaultToken, "ready">;
  readonly retry: RetryPolicy;
  readonly leases: LeasePolicy;
  /** Where a destination of a template is: absolute. */
  readonly resolve: (path: string) => string;
  /** Values of bodies; they throw when a body has another shape. */
  readonly secret: (body: string) => V;
  readonly list: (body: string) => V;
  readonly certificate: (issued: Certificate) => V;
}
