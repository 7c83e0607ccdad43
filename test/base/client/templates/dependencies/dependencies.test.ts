import test from "ava";
import fc from "fast-check";
import type { Result } from "#base/env/errors.ts";
import { dependencyKey, type Dependency } from "#base/client/templates/dependencies/dependency.ts";
import * as parse from "#base/client/templates/dependencies/parse-dependency.ts";
import { consulRequest, nomadRequest } from "#base/client/templates/dependencies/request.ts";

const key = (text: string) => parse.parseKey(text, { block: true });
const variable = (text: string) => parse.parseVariable(text, { namespace: "", block: false });
const variables = (text: string) => parse.parseVariables(text, "apps");

/** Parser, what the template writes, the key consul-template prints. */
const keys: [(text: string) => Result<Dependency>, string, string][] = [
  [parse.parseNode, "", "catalog.node"],
  [parse.parseNode, "node1@dc1", "catalog.node(node1@dc1)"],
  [parse.parseNode, "node1?ns=a&partition=b@dc1", "catalog.node(node1@dc1@partition=b@ns=a)"],
  [parse.parseNodes, "", "catalog.nodes"],
  [parse.parseNodes, "@dc1~near", "catalog.nodes(@dc1~near)"],
  [parse.parseServices, "", "catalog.services"],
  [parse.parseServices, "?ns=a@dc1", "catalog.services(@dc1@ns=a)"],
  [parse.parseCatalogService, "tag.name@dc~_agent", "catalog.service(tag.name@dc~_agent)"],
  [parse.parseService, "web", "health.service(web|passing)"],
  [parse.parseService, "v1.2.web", "health.service(v1.2.web|passing)"],
  [
    parse.parseService,
    "a:b=c.web@east-aws~n1|warning,passing",
    "health.service(a:b=c.web@east-aws~n1|passing,warning)",
  ],
  [parse.parseService, "web?ns=n&peer=p@dc|any", "health.service(web@dc@ns=n@peer=p|any)"],
  [parse.parseService, "web?sameness-group=g", "health.service(web@sameness-group=g|passing)"],
  [(text) => parse.parseService(text, "health.connect"), "web", "health.connect(web|passing)"],
  [key, "a/b c/d", "kv.block(a/b c/d)"],
  [key, "/a/b?ns=n@dc", "kv.block(a/b@dc@ns=n)"],
  [parse.parsePrefix, "config/@dc", "kv.list(config/@dc)"],
  [parse.parsePeerings, "", "list.peerings"],
  [parse.parsePeerings, "?partition=p", "list.peerings?partition=p"],
  [parse.parseNomadServices, "@eu", "nomad.services(@eu)"],
  [parse.parseNomadService, "tag.redis@eu", "nomad.service(tag.redis@eu)"],
  [(text) => parse.parseNomadService(text, { count: 3n, key: "k" }), "redis", "nomad.service(redis:3|k)"],
  [variable, "/a/b/", "nomad.var.get(a/b@default.global)"],
  [variable, "a@ns.region", "nomad.var.get(a@ns.region)"],
  [variables, "a@*", "nomad.var.list(a@*.global)"],
  [variables, "///", "nomad.var.list(@apps.global)"],
  [parse.parseSecret, "/secret/a/", "vault.read(secret/a)"],
  [parse.parseSecret, "secret/a?version=2", "vault.read(secret/a.v2)"],
  [parse.parseSecretList, "secret/", "vault.list(secret)"],
  [
    (text) => parse.parseSecretWrite(text, new Map([["a", "b"]])),
    "pki/issue/x",
    "vault.write(pki/issue/x -> 2b660a4a)",
  ],
  [(text) => parse.parsePki(text, { data: new Map(), destination: "/x" }), "pki/a?b", "vault.pki(pki/a->/x da39a3ee)"],
  [parse.parseFile, " /etc/x ", "file(/etc/x)"],
];

test("queries are read, and their keys are those that consul-template prints", (t) => {
  for (const [parser, text, expected] of keys) {
    const parsed = parser(text);
    t.is(parsed.ok ? dependencyKey(parsed.value) : parsed.error.message, expected);
  }
});

const refused: [(text: string) => Result<Dependency>, string, string][] = [
  [parse.parseService, "!nope", 'health.service: invalid format: "!nope"'],
  [parse.parseService, "", 'health.service: invalid format: ""'],
  [parse.parseService, "web|sick", 'health.service: invalid filter: "sick" in "web|sick"'],
  [
    parse.parseService,
    "web?x=y",
    'health.service: invalid query parameter key "x" in query "x=y": supported keys: ns,peer,partition,sameness-group',
  ],
  [parse.parseService, "web?peer=a&sameness-group=b", "health.service: cannot specify both peer and sameness-group"],
  [key, "a@dc@dc", 'kv.get: invalid format: "a@dc@dc"'],
  [key, "a\n@", 'kv.get: invalid format: "a\\n@"'],
  [parse.parseFile, "  ", 'file: invalid format: "  "'],
  [parse.parseSecret, "/", 'vault.read: invalid format: ""'],
  [key, "x".repeat(3000), `kv.get: invalid format: "${"x".repeat(40)}…"`],
];

test("a malformed query says which it was and quotes it", (t) => {
  for (const [parser, text, message] of refused) {
    const parsed = parser(text);
    t.is(parsed.ok ? dependencyKey(parsed.value) : parsed.error.message, message);
  }
});

test("no text makes a parser throw", (t) => {
  const parsers = [parse.parseService, parse.parseNode, parse.parseNodes, parse.parsePrefix, key, variable, variables];
  const piece = fc.constantFrom("a", "-", ".", "@", "~", "|", "?", "=", "&", "ns", "dc1", "passing", "/", "\n", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), fc.constantFrom(...parsers), (pieces, parser) => {
      const parsed = parser(pieces.join(""));
      if (parsed.ok) t.true(dependencyKey(parsed.value).length > 0);
      else t.is(parsed.error.code, "bad_query");
    }),
    { seed: 8, numRuns: 2000 },
  );
});

test("a dependency becomes one query of the API", (t) => {
  const web = parse.parseService("v1.web?ns=n@dc~_agent|passing,warning");
  if (!web.ok || web.value.kind !== "health.service") return t.fail();
  t.like(consulRequest(web.value), {
    path: "/v1/health/service/web",
    query: { dc: "dc", ns: "n", tag: "v1", near: "_agent", passing: undefined },
    blocks: true,
  });
  t.like(consulRequest({ ...web.value, filters: ["passing"] }).query, { passing: true });
  const deep = key("a b/c");
  if (!deep.ok || deep.value.kind !== "kv.get") return t.fail();
  t.is(consulRequest(deep.value).path, "/v1/kv/a%20b/c");
  const redis = parse.parseNomadService("redis", { count: 2n, key: "me" });
  if (!redis.ok || redis.value.kind !== "nomad.service") return t.fail();
  t.like(nomadRequest(redis.value), { path: "/v1/service/redis", query: { choose: "2|me" } });
});
