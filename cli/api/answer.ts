import type { Answer, ApiResult } from "#base/client/api-caller.ts";
import type { ApiFailure, ApiFailureCode } from "#base/client/api-failure.ts";
import { CodedError } from "#base/env/errors.ts";

/** The value of an answer. A failure is thrown with what to do about it, for `main` to print. */
export function valueOf<T>(result: ApiResult<T>): T {
  return answerOf(result).value;
}

export function answerOf<T>(result: ApiResult<T>): Answer<T> {
  if (result.ok) return result.value;
  throw errorOf(result.error);
}

/** Undefined for something that is not there. */
export function foundOf<T>(result: ApiResult<T>): T | undefined {
  if (!result.ok && result.error.code === "missing") return undefined;
  return valueOf(result);
}

export function errorOf(failure: ApiFailure): CodedError {
  return new CodedError(failure.code, failure.message, failure.hint ?? HINTS[failure.code]);
}

const HINTS: Readonly<Partial<Record<ApiFailureCode, string>>> = {
  unreachable:
    'Is an agent running there? Start one with "lares agent -dev", or say where it is: -address or LARES_ADDR (scheduler), -http-addr or LARES_CONSUL_ADDR (discovery).',
  timeout: "The agent is there but busy or stuck; its log (lares agent -log-level=debug) says more.",
  denied: "Give a token that may do this: -token or LARES_TOKEN.",
  unexpected: "Is this the address of a Lares agent, and of the right API (scheduler 4646, discovery 8500)?",
};
