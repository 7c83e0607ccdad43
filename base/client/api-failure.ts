import type { Failure } from "#base/env/errors.ts";

export type ApiFailureCode =
  /** Nobody answers at the address. */
  | "unreachable"
  /** No answer in time. */
  | "timeout"
  /** The caller's own signal. */
  | "aborted"
  /** 403. */
  | "denied"
  /** 404. */
  | "missing"
  /** Another 4xx: the request is wrong. */
  | "refused"
  /** 5xx. */
  | "failed"
  /** The answer has not the shape it should have. */
  | "unexpected";

export interface ApiFailure extends Failure {
  readonly code: ApiFailureCode;
  /** 0 where no answer came. */
  readonly status: number;
  /** Of the answer, when it had one: a read of something that is not there can still be waited on. */
  readonly index: number;
}

export function failureCodeOf(status: number): ApiFailureCode {
  if (status === 403 || status === 401) return "denied";
  if (status === 404) return "missing";
  return status < 500 ? "refused" : "failed";
}
