import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Where an API is: the origin of its URLs, and the Unix socket to dial instead, if it is one. */
export interface ApiAddress {
  readonly origin: string;
  readonly socketPath: string | undefined;
}

/** Reads `http://127.0.0.1:4646`, `https://node:4646`, `unix:///run/lares.sock`, or a bare `node:4646`. */
export function parseAddress(text: string): Result<ApiAddress> {
  const socket = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  if (socket !== undefined) return succeed({ origin: "http://localhost", socketPath: socket });
  const whole = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(whole) || text === "") {
    return fail(
      "bad_address",
      `"${text}" is not the address of an API`,
      "expected http://HOST:PORT, https://HOST:PORT or unix:///PATH",
    );
  }
  return succeed({ origin: new URL(whole).origin, socketPath: undefined });
}
