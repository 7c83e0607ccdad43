import { messageOf } from "#base/env/errors.ts";
import { StoreError, type StoreErrorCode } from "../store.ts";
import { EtcdError, type EtcdErrorKind } from "./api.ts";

const CODES: Readonly<Record<EtcdErrorKind, StoreErrorCode>> = {
  unavailable: "unavailable",
  compacted: "compacted",
  future_revision: "future_revision",
  no_space: "full",
  too_large: "too_large",
  denied: "io",
  invalid: "io",
};

/** As the contract names it. */
export function toStoreError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  if (!(thrown instanceof EtcdError)) return new StoreError("io", `the store failed: ${messageOf(thrown)}`);
  return new StoreError(CODES[thrown.kind], explain(thrown));
}

function explain({ kind, message }: EtcdError): string {
  switch (kind) {
    case "no_space":
      return `etcd takes no more writes, its database reached its quota: ${message}; raise that (state { etcd { quota } }, or --quota-backend-bytes of one that somebody else runs), or compact and defragment it and disarm its alarm`;
    case "too_large":
      return `etcd refuses a request as too large: ${message}; start it with --max-txn-ops and --max-request-bytes as the documentation says`;
    case "denied":
      return `etcd refuses this server: ${message}`;
    case "unavailable":
      return `no etcd member answered: ${message}`;
    case "compacted":
    case "future_revision":
    case "invalid":
      return `etcd: ${message}`;
    default:
      return kind satisfies never;
  }
}

export function closedError(): StoreError {
  return new StoreError("closed", "the store is closed");
}
