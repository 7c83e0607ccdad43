import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { bindingsOf, fillIn } from "#daemons/scheduler/server/acl/login/bindings.ts";
import { startApi } from "../api.ts";
import { startProvider } from "./provider.ts";

async function secured(t: ExecutionContext) {
  const started = await startApi({ acl: {} });
  t.teardown(() => started.stop());
  const root = started.as((await started.put("/v1/acl/bootstrap")).json.SecretID);
  for (const name of ["eng", "ops"]) {
    await root.put(`/v1/acl/policy/${name}`, { Rules: 'namespace "default" {\n policy = "read"\n}' });
  }
  await root.put("/v1/acl/role", { Name: "readers", Policies: [{ Name: "eng" }] });
  const method = (fields: object, Config: object) =>
    root.put("/v1/acl/auth-method", {
      Name: "ci",
      Type: "JWT",
      TokenLocality: "local",
      MaxTokenTTL: "1h",
      ...fields,
      Config,
    });
  const bind = (fields: object) => root.put("/v1/acl/binding-rule", { AuthMethod: "ci", ...fields });
  const login = (LoginToken: string, AuthMethodName = "ci") =>
    started.put("/v1/acl/login", { AuthMethodName, LoginToken });
  return { ...started, root, method, bind, login };
}

test("a JWT of a trusted key gives a token by the rules that fit its claims", async (t) => {
  const { method, bind, login, as, root } = await secured(t);
  const { privateKey, publicKey } = await generateKeyPair("EdDSA");
  const made = await method(
    { TokenNameFormat: "${auth_method_type}-${value.project}" },
    {
      JWTValidationPubKeys: [await exportSPKI(publicKey)],
      SigningAlgs: ["EdDSA"],
      BoundIssuer: ["https://ci.example"],
      BoundAudiences: ["lares"],
      ClaimMappings: { project: "project", "/deep/number": "number" },
      ListClaimMappings: { groups: "groups" },
    },
  );
  t.is(made.status, 200, made.text);
  t.is(made.json.MaxTokenTTL, "1h0m0s");
  const claims = { project: "web", groups: ["eng"], deep: { number: 7 } };
  const jwt = (over: object = {}, at = Math.floor(Date.now() / 1000)) =>
    new SignJWT({ iss: "https://ci.example", aud: "lares", iat: at, exp: at + 300, ...claims, ...over })
      .setProtectedHeader({ alg: "EdDSA" })
      .sign(privateKey);
  t.is((await login(await jwt())).status, 403, "nothing is bound");
  t.is((await bind({ Selector: "eng in list.groups", BindType: "policy", BindName: "${value.project}" })).status, 200);
  t.is((await login(await jwt())).status, 403, "there is no such policy");
  await bind({ Selector: 'value.number == "7"', BindType: "role", BindName: "readers" });
  await bind({ Selector: "eng in list.groups", BindType: "policy", BindName: "eng" });
  const got = await login(await jwt());
  t.is(got.status, 200, got.text);
  t.like(got.json, { Name: "JWT-web", Type: "client", Policies: ["eng"], Global: false, ExpirationTTL: 3600e9 });
  t.is(got.json.Roles[0].Name, "readers");
  t.is((await as(got.json.SecretID).get("/v1/jobs")).status, 200);
  const now = Math.floor(Date.now() / 1000);
  const stranger = await generateKeyPair("EdDSA");
  const refused: [string, string][] = [
    ["issuer", await jwt({ iss: "https://other" })],
    ["audience", await jwt({ aud: "vault" })],
    ["no audience", await jwt({ aud: undefined })],
    ["expired", await jwt({ exp: now - 100 })],
    ["not yet", await jwt({ nbf: now + 100 })],
    ["from the future", await jwt({ iat: now + 100 })],
    [
      "another key",
      await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA" }).setExpirationTime("1h").sign(stranger.privateKey),
    ],
    ["no signature", new UnsecuredJWT(claims).setExpirationTime("1h").encode()],
    [
      "public key as a secret",
      await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256" })
        .setExpirationTime("1h")
        .sign(Buffer.from(await exportSPKI(publicKey))),
    ],
    ["no JWT", "a.b.c"],
    ["too long", "x".repeat(100_000)],
  ];
  for (const [why, token] of refused) t.is((await login(token)).status, 403, why);
  t.is((await login(await jwt({ exp: now - 30 }))).status, 200, "clocks may differ by a minute");
  await bind({ BindType: "management", Selector: "project in value and value.project == root" });
  t.is((await login(await jwt({ project: "root" }))).json.Type, "management");
  const rules = await root.get("/v1/acl/binding-rules");
  t.is(rules.json.length, 4);
  t.is((await root.delete(`/v1/acl/binding-rule/${rules.json[0].ID}`)).status, 200);
  t.is((await root.delete("/v1/acl/auth-method/ci")).status, 200);
  t.is((await root.get("/v1/acl/binding-rules")).json.length, 0, "its rules went with it");
  t.is((await login(await jwt())).status, 404);
});

test("keys come from a key set or from discovery, and are remembered", async (t) => {
  const { method, bind, login } = await secured(t);
  const provider = await startProvider(t);
  t.is((await method({}, { OIDCDiscoveryURL: provider.issuer, ClaimMappings: { sub: "who" } })).status, 200);
  await bind({ BindType: "policy", BindName: "eng", Selector: "value.who == alice" });
  t.is((await login(await provider.sign({}))).status, 200);
  t.is((await login(await provider.sign({}))).status, 200);
  t.is(provider.asked.filter((path) => path === "/keys").length, 1, "remembered");
  t.is((await login(await provider.sign({ iss: "x" }, "-1h"))).status, 403);
  await method(
    {},
    { JWKSURL: `${provider.issuer}/keys`, BoundIssuer: [provider.issuer], ClaimMappings: { sub: "who" } },
  );
  t.is((await login(await provider.sign({}))).status, 200);
  await method({}, { JWKSURL: `${provider.issuer}/nothing` });
  const failed = await login(await provider.sign({}));
  t.is(failed.status, 500);
  t.regex(failed.text, /answered 400/);
});

test("a browser logs in with OpenID Connect: PKCE, nonce, state and userinfo", async (t) => {
  const { method, bind, put, root } = await secured(t);
  const provider = await startProvider(t);
  const RedirectURI = "http://localhost:4649/oidc/callback";
  const config = {
    OIDCDiscoveryURL: provider.issuer,
    OIDCClientID: "lares",
    OIDCClientSecret: "s&cret",
    OIDCEnablePKCE: true,
    OIDCScopes: ["groups"],
    AllowedRedirectURIs: [RedirectURI],
    ListClaimMappings: { groups: "groups" },
    ClaimMappings: { name: "name" },
  };
  const made = await method({ Name: "sso", Type: "OIDC", Default: true, TokenLocality: "global" }, config);
  t.is(made.status, 200, made.text);
  t.is(made.json.Config.OIDCClientSecret, "redacted");
  t.is(
    (await method({ Name: "sso", Type: "OIDC", TokenLocality: "global" }, { ...config, OIDCClientSecret: "redacted" }))
      .status,
    200,
  );
  await bind({ AuthMethod: "sso", BindType: "policy", BindName: "ops", Selector: "engineering in list.groups" });
  const begin = async (ClientNonce: string, uri = RedirectURI) =>
    put("/v1/acl/oidc/auth-url", { AuthMethodName: "sso", RedirectURI: uri, ClientNonce });
  t.is((await begin("n", "http://evil.example")).status, 400);
  const finish = (answer: object, ClientNonce: string) =>
    put("/v1/acl/oidc/complete-auth", { AuthMethodName: "sso", RedirectURI, ClientNonce, ...answer });
  const { AuthURL } = (await begin("nonce-1")).json;
  const query = new URL(AuthURL).searchParams;
  t.is(query.get("code_challenge_method"), "S256");
  t.is(query.get("scope"), "openid groups");
  const answer = provider.visit(AuthURL);
  const got = await finish(answer, "nonce-1");
  t.is(got.status, 200, got.text);
  t.like(got.json, { Name: "OIDC-sso", Policies: ["ops"], Global: true });
  t.is((await finish(answer, "nonce-1")).status, 403, "once only");
  const other = provider.visit((await begin("nonce-2")).json.AuthURL);
  t.is((await finish(other, "nonce-3")).status, 403, "another browser's nonce");
  const forged = provider.visit((await begin("nonce-4")).json.AuthURL);
  t.is((await finish({ ...forged, State: "st_forged" }, "nonce-4")).status, 403);
  t.is((await root.get("/v1/acl/auth-methods")).json.length, 1);
});

test("who is described by somebody else's UserInfo does not get in", async (t) => {
  const { method, bind, put } = await secured(t);
  const provider = await startProvider(t, { userinfoSub: "mallory" });
  const RedirectURI = "http://localhost:4649/oidc/callback";
  const config = {
    OIDCDiscoveryURL: provider.issuer,
    OIDCClientID: "lares",
    OIDCClientSecret: "s&cret",
    OIDCEnablePKCE: true,
    AllowedRedirectURIs: [RedirectURI],
  };
  await method({ Name: "sso", Type: "OIDC" }, config);
  await bind({ AuthMethod: "sso", BindType: "policy", BindName: "ops" });
  const about = { AuthMethodName: "sso", RedirectURI, ClientNonce: "n" };
  const { AuthURL } = (await put("/v1/acl/oidc/auth-url", about)).json;
  t.is((await put("/v1/acl/oidc/complete-auth", { ...about, ...provider.visit(AuthURL) })).status, 403);
});

test("what is wrong with an auth method or a rule is said when it is written", async (t) => {
  const { method, bind, root } = await secured(t);
  const bad: [object, object][] = [
    [{ Name: "bad name" }, { JWKSURL: "http://x" }],
    [{ MaxTokenTTL: "1s" }, { JWKSURL: "http://x" }],
    [{ Type: "SAML" }, { JWKSURL: "http://x" }],
    [{ TokenLocality: "" }, { JWKSURL: "http://x" }],
    [{}, {}],
    [{}, { JWKSURL: "http://x", OIDCDiscoveryURL: "http://x" }],
    [{}, { JWTValidationPubKeys: ["no PEM"] }],
    [{}, { JWKSURL: "http://x", SigningAlgs: ["HS256"] }],
    [{}, { JWKSURL: "http://x", SigningAlgs: ["none"] }],
    [{ Type: "OIDC" }, { OIDCDiscoveryURL: "http://x" }],
  ];
  for (const [fields, config] of bad)
    t.is((await method(fields, config)).status, 400, JSON.stringify([fields, config]));
  t.is((await method({ Default: true }, { JWKSURL: "http://x" })).status, 200);
  t.is((await method({ Name: "two", Default: true }, { JWKSURL: "http://x" })).status, 400, "one default of a type");
  for (const rule of [
    { AuthMethod: "none", BindType: "policy", BindName: "a" },
    { BindType: "wizard", BindName: "a" },
    { BindType: "policy" },
    { BindType: "management", BindName: "a" },
    { BindType: "policy", BindName: "a", Selector: "((" },
  ])
    t.is((await bind(rule)).status, 400, JSON.stringify(rule));
  const made = await bind({ BindType: "policy", BindName: "eng" });
  const changed = await root.put(`/v1/acl/binding-rule/${made.json.ID}`, { Description: "new" });
  t.like(changed.json, { Description: "new", BindName: "eng", AuthMethod: "ci" });
});

test("any token, selector and name is answered", async (t) => {
  const { method, login } = await secured(t);
  const { publicKey } = await generateKeyPair("ES256");
  await method({}, { JWTValidationPubKeys: [await exportSPKI(publicKey)], SigningAlgs: ["ES256"] });
  const part = fc.oneof(
    fc.base64String(),
    fc.json().map((text) => Buffer.from(text).toString("base64url")),
    fc
      .constantFrom('{"alg":"none"}', '{"alg":"ES256","crit":["b64"],"b64":false}')
      .map((text) => Buffer.from(text).toString("base64url")),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => (await login(parts.join("."))).status === 403),
    { numRuns: 100 },
  );
  const attributes = { value: { a: "x", __proto__: "y" }, list: { g: ["1"] } };
  fc.assert(
    fc.property(fc.string(), fc.string(), (Selector, BindName) => {
      const rule = { ID: "", Description: "", AuthMethod: "", CreateTime: 0, ModifyTime: 0, Selector, BindName };
      bindingsOf([{ ...rule, BindType: "policy" }], attributes);
      fillIn(`\${${BindName}}`, attributes);
      return true;
    }),
  );
  t.is(fillIn("${value.a}-${b}", attributes, { b: "c" }), "x-c");
  t.is(fillIn("${value.constructor}", attributes), undefined);
});
