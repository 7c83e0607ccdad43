import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ExecutionContext } from "ava";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** A small OpenID Connect provider: it knows one client and lets everybody in as `alice`. */
export async function startProvider(t: ExecutionContext, { userinfoSub = "alice" } = {}) {
  const keys = await generateKeyPair("RS256");
  const kid = "one";
  const codes = new Map<string, { nonce: string; challenge: string; redirect: string }>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? "/", issuer);
      asked.push(url.pathname);
      let body = "";
      for await (const part of request) body += String(part);
      const answer = await respond(url, new URLSearchParams(body), request.headers.authorization ?? "");
      response.writeHead(answer === undefined ? 400 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? { error: "invalid_grant" }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const sign = (claims: Record<string, unknown>, life = "5m") =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "RS256", kid })
      .setIssuer(issuer)
      .setSubject("alice")
      .setIssuedAt()
      .setExpirationTime(life)
      .sign(keys.privateKey);

  async function respond(url: URL, form: URLSearchParams, authorization: string): Promise<unknown> {
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return {
          issuer,
          jwks_uri: `${issuer}/keys`,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          userinfo_endpoint: `${issuer}/userinfo`,
        };
      case "/keys":
        return { keys: [{ ...(await exportJWK(keys.publicKey)), kid, alg: "RS256", use: "sig" }] };
      case "/token": {
        const known = codes.get(form.get("code") ?? "");
        codes.delete(form.get("code") ?? "");
        const proof = createHash("sha256")
          .update(form.get("code_verifier") ?? "")
          .digest("base64url");
        const isClient = authorization === `Basic ${Buffer.from("lares:s%26cret").toString("base64")}`;
        if (known === undefined || !isClient || known.challenge !== proof) return undefined;
        if (form.get("redirect_uri") !== known.redirect) return undefined;
        const id_token = await sign({ aud: "lares", nonce: known.nonce, name: "Alice" });
        return { id_token, access_token: "access", token_type: "Bearer" };
      }
      case "/userinfo":
        return authorization === "Bearer access" ? { sub: userinfoSub, groups: ["engineering", "ops"] } : undefined;
      default:
        return undefined;
    }
  }

  return {
    issuer,
    asked,
    sign,
    /** What the browser does: follows the address and comes back with a code. */
    visit(authUrl: string) {
      const { searchParams } = new URL(authUrl);
      const code = randomBytes(8).toString("hex");
      codes.set(code, {
        nonce: searchParams.get("nonce") ?? "",
        challenge: searchParams.get("code_challenge") ?? "",
        redirect: searchParams.get("redirect_uri") ?? "",
      });
      return { Code: code, State: searchParams.get("state") ?? "" };
    },
  };
}
