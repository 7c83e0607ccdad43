import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import * as v from "valibot";
import { text } from "#base/protocol/schema.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { show } from "../print/show.ts";
import { readTextFile } from "../spec/read-text.ts";
import { MethodSchema, TokenSchema, type Token } from "./answers.ts";
import { read, write } from "./calls.ts";
import { tokenLines } from "./token.ts";

/** How long the browser may take. */
const PATIENCE_MS = 300_000;

/** `login [TOKEN]`: a JWT (`-` reads it from standard input, `@FILE` from a file), or none for a browser. */
export const login = withNomad(async (session) => {
  const { name, type } = await methodOf(session);
  const token = type === "JWT" ? await byJwt(session, name) : await byBrowser(session, name);
  return show(session, token, () => [`Successfully logged in via ${type} and ${name}`, "", ...tokenLines(token)]);
});

async function methodOf(session: NomadSession): Promise<{ readonly name: string; readonly type: string }> {
  const { flags } = session;
  const all = await read(session, "/v1/acl/auth-methods", v.array(MethodSchema));
  const name = flags.value("method");
  const type = flags.value("type")?.toUpperCase();
  const found =
    name === undefined
      ? all.find((each) => each.Default && (type === undefined || each.Type === type))
      : all.find((each) => each.Name === name);
  if (found !== undefined) return { name: found.Name, type: found.Type };
  throw new UsageError(
    name === undefined
      ? "there is no default auth method: name one with -method"
      : `there is no auth method ${JSON.stringify(name)}`,
  );
}

async function byJwt(session: NomadSession, AuthMethodName: string): Promise<Token> {
  const [given] = session.operands;
  if (given === undefined) throw new UsageError("give the token to log in with, or - to read it from standard input");
  const file = given === "-" ? "-" : given.startsWith("@") ? given.slice(1) : undefined;
  const LoginToken = file === undefined ? given : readTextFile(file).trim();
  return write(session, { path: "/v1/acl/login", body: { AuthMethodName, LoginToken }, schema: TokenSchema });
}

async function byBrowser(session: NomadSession, AuthMethodName: string): Promise<Token> {
  const address = session.flags.value("oidc-callback-addr") ?? "127.0.0.1:4649";
  const about = { AuthMethodName, RedirectURI: `http://${address}/oidc/callback`, ClientNonce: randomUUID() };
  const coming = await waitForBrowser(address);
  try {
    const schema = v.object({ AuthURL: text });
    const { AuthURL } = await write(session, { path: "/v1/acl/oidc/auth-url", body: about, schema });
    session.output.error(`Open this address to log in:\n\n    ${AuthURL}\n`);
    const body = { ...about, ...(await coming.answer) };
    return await write(session, { path: "/v1/acl/oidc/complete-auth", body, schema: TokenSchema });
  } finally {
    coming.close();
  }
}

interface Callback {
  readonly answer: Promise<{ readonly State: string; readonly Code: string }>;
  close(): void;
}

/** Listens where the provider sends the browser back to. */
async function waitForBrowser(address: string): Promise<Callback> {
  const { hostname, port } = new URL(`http://${address}`);
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(port), hostname.replaceAll(/[[\]]/g, ""), resolve);
  });
  const answer = new Promise<{ readonly State: string; readonly Code: string }>((resolve, reject) => {
    const timer = setTimeout(() => reject(new UsageError("nobody logged in in time; try again")), PATIENCE_MS);
    server.on("request", (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      response.setHeader("content-type", "text/plain; charset=utf-8");
      if (pathname !== "/oidc/callback") return void response.writeHead(404).end("not here\n");
      clearTimeout(timer);
      const problem = searchParams.get("error_description") ?? searchParams.get("error");
      response.end(problem === null ? "You are logged in. You may close this page.\n" : "The login failed.\n");
      if (problem === null) resolve({ State: searchParams.get("state") ?? "", Code: searchParams.get("code") ?? "" });
      else reject(new UsageError(`the provider says: ${problem}`));
    });
  });
  return {
    answer,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
