import type { IncomingMessage } from "node:http";
import { concatBytes, textOf } from "#base/env/bytes.ts";
import { messageOf } from "#base/env/errors.ts";
import { HttpTransportError } from "#base/env/http-client.ts";
import type { HttpResponse } from "#base/env/http-client.ts";
import { codeOf } from "./system-error.ts";

const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface ResponseContext {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
}

export function responseOf(message: IncomingMessage, context: ResponseContext): HttpResponse {
  const body = readBody(message, context);
  const bytes = async (maxBytes: number = MAX_BODY_BYTES): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of body) {
      size += part.length;
      // Leaving the loop drops the connection.
      if (size > maxBytes)
        throw new HttpTransportError("EMSGSIZE", `${context.where}: the answer is above ${maxBytes} bytes`);
      parts.push(part);
    }
    return concatBytes(parts);
  };
  return {
    status: message.statusCode ?? 0,
    headers: joinHeaders(message),
    body,
    bytes,
    text: async (maxBytes) => textOf(await bytes(maxBytes)),
    abandon() {
      message.on("error", () => {});
      message.destroy();
    },
  };
}

async function* readBody(message: IncomingMessage, context: ResponseContext): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of message) {
      if (part instanceof Uint8Array) yield part;
    }
  } catch (thrown) {
    const code = context.signal?.aborted === true ? "ABORTED" : codeOf(thrown);
    throw new HttpTransportError(code, `${context.where}: the answer broke off: ${messageOf(thrown)}`);
  }
}

function joinHeaders(message: IncomingMessage): Readonly<Record<string, string>> {
  const joined: Record<string, string> = {};
  for (const [name, values] of Object.entries(message.headersDistinct)) joined[name] = (values ?? []).join(", ");
  return joined;
}
