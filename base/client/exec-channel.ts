import { fail, messageOf, type Result } from "#base/env/errors.ts";
import type { DialWebSocket, WebSocketChannel } from "#base/env/web-socket.ts";
import { queryText, type ApiTarget, type Query } from "./api-caller.ts";

/** Opens one of the API's WebSockets. https://developer.hashicorp.com/nomad/api-docs/client#exec-allocation */
export async function openExecChannel(
  { address, token, tls, query: own }: ApiTarget,
  dial: DialWebSocket,
  { path, query }: { readonly path: string; readonly query: Query },
): Promise<Result<WebSocketChannel>> {
  try {
    const dialed = await dial({
      url: `${address.origin}${path}${queryText({ ...own, ...query }, false)}`,
      headers: token === "" ? {} : { "x-nomad-token": token },
      ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
      ...(tls === undefined ? {} : { tls }),
    });
    if (dialed.kind === "open") return { ok: true, value: dialed.channel };
    const text = (await dialed.response.text().catch(() => "")).trim();
    return fail("REFUSED", text === "" ? `${path} was answered with ${dialed.response.status}` : text);
  } catch (thrown) {
    return fail(
      "UNREACHABLE",
      `cannot reach an agent at ${address.socketPath ?? address.origin}: ${messageOf(thrown)}`,
    );
  }
}
