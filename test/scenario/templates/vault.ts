import { createServer, type IncomingMessage } from "node:http";

export interface SmallVault {
  readonly address: string;
  /** Logins: the role asked for and the payload of the identity shown. */
  readonly logins: { readonly role: string; readonly claims: unknown }[];
  /** Tokens that asked for a secret. */
  readonly readers: Set<string>;
  password: string;
  close(): Promise<void>;
}

/** As much of Vault's API as a task that logs in with its identity and reads a secret asks of it. */
export async function smallVault(): Promise<SmallVault> {
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const [status, answer] = route(vault, request, body);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const vault: SmallVault = {
    address: `http://127.0.0.1:${port}`,
    logins: [],
    readers: new Set(),
    password: "first",
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return vault;
}

function route(vault: SmallVault, { url = "", headers }: IncomingMessage, body: string): [number, unknown] {
  const path = url.split("?")[0]?.replace("/v1/", "") ?? "";
  if (path === "auth/jwt-nomad/login") {
    const role = /"role":"([^"]*)"/.exec(body)?.[1] ?? "";
    const jwt = /"jwt":"([^"]*)"/.exec(body)?.[1] ?? "";
    const claims: unknown = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());
    if (role !== "app") return [400, { errors: [`role "${role}" could not be found`] }];
    vault.logins.push({ role, claims });
    return [200, { auth: { client_token: `token-${vault.logins.length}`, lease_duration: 3600, renewable: true } }];
  }
  const token = headers["x-vault-token"];
  if (typeof token !== "string" || !token.startsWith("token-")) return [403, { errors: ["permission denied"] }];
  if (path === "auth/token/lookup-self") return [200, { data: { ttl: 3600, renewable: true } }];
  if (path.startsWith("sys/internal/ui/mounts/"))
    return [200, { data: { path: "secret/", type: "kv", options: { version: "2" } } }];
  if (path !== "secret/data/app") return [404, { errors: [] }];
  vault.readers.add(token);
  return [200, { data: { data: { password: vault.password }, metadata: { version: 1 } } }];
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  request.setEncoding("utf8");
  for await (const part of request) text += String(part);
  return text;
}
