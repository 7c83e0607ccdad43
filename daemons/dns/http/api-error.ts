import type { Failure, Result } from "#base/env/errors.ts";

/** An answer in Pi-hole's form of errors: `{"error":{"key","message","hint"}}`. */
export class ApiError extends Error {
  readonly status: number;
  readonly key: string;
  readonly hint: string | null;
  constructor(status: number, key: string, about: { readonly message: string; readonly hint?: string | null }) {
    super(about.message);
    this.name = "ApiError";
    this.status = status;
    this.key = key;
    this.hint = about.hint ?? null;
  }
}

export function badRequest(message: string, hint?: string): ApiError {
  return new ApiError(400, "bad_request", { message, ...(hint === undefined ? {} : { hint }) });
}

export function notFound(message: string, hint?: string): ApiError {
  return new ApiError(404, "not_found", { message, ...(hint === undefined ? {} : { hint }) });
}

const STATUS: Readonly<Record<string, number>> = {
  not_found: 404,
  dns_settings_busy: 503,
  dns_settings_read: 503,
  dns_settings_write: 500,
};

/** The value, or throws what an expected failure is to the client. */
export function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { code, message, hint }: Failure = result.error;
  const key = code.startsWith("dns_settings") ? "bad_request" : code;
  throw new ApiError(STATUS[code] ?? 400, key, { message, ...(hint === undefined ? {} : { hint }) });
}
