import { EtcdError, type EtcdErrorKind } from "#base/state/etcd/api.ts";

/** Codes of gRPC (https://grpc.io/docs/guides/status-codes/) that decide something here. */
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;

/** What a call that was answered with an error means; etcd tells some apart only by their words. */
export function errorOf(code: number, message: string): EtcdError {
  return new EtcdError(kindOf(code, message), message === "" ? `gRPC status ${code}` : message);
}

function kindOf(code: number, message: string): EtcdErrorKind {
  switch (code) {
    case OUT_OF_RANGE:
      return message.includes("compacted") ? "compacted" : "future_revision";
    case RESOURCE_EXHAUSTED:
      if (message.includes("space exceeded")) return "no_space";
      return message.includes("larger than max") ? "too_large" : "unavailable";
    case INVALID_ARGUMENT:
      return message.includes("too large") || message.includes("too many") ? "too_large" : "invalid";
    case PERMISSION_DENIED:
    case UNAUTHENTICATED:
      return "denied";
    case UNIMPLEMENTED:
      return "invalid";
    // Unknown (2), FailedPrecondition (9), NotFound (5) and AlreadyExists (6) are final in the services that use them; KV
    // and Watch answer with Unavailable (14) or DeadlineExceeded (4) where nobody knows what became of the request.
    case 5:
    case 6:
    case 9:
      return "invalid";
    default:
      return "unavailable";
  }
}

export function lost(message: string): EtcdError {
  return new EtcdError("unavailable", message);
}
