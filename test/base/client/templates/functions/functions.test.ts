import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import test from "ava";
import bcryptjs from "bcryptjs";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { readConsulAnswer } from "#base/client/templates/dependencies/consul-answers.ts";
import { dependencyKey } from "#base/client/templates/dependencies/dependency.ts";
import { readNomadAnswer } from "#base/client/templates/dependencies/nomad-answers.ts";
import { certificateValue, readSecret, readSecretList } from "#base/client/templates/dependencies/vault-answers.ts";
import { createFunctions } from "#base/client/templates/functions/function-table.ts";
import type { FileWrite, TemplateHost } from "#base/client/templates/functions/host-functions.ts";
import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import { printValue } from "#base/language/go-template/functions/print-value.ts";
import { bytesOfText } from "#base/language/go-template/functions/text/go-bytes.ts";
import { readTzif } from "#base/language/go-template/functions/time/tzif.ts";
import { UTC } from "#base/language/go-template/functions/time/zone.ts";
import { GoError, GoObject, GoPending, type GoValue } from "#base/language/go-template/value.ts";

const zoneinfo = (name: string) => {
  if (name === "Local" || name === "UTC" || name === "") return UTC;
  try {
    return readTzif(name, readFileSync(join("/usr/share/zoneinfo", name)));
  } catch {
    return undefined;
  }
};
const written: FileWrite[] = [];
const printed: string[] = [];
const host: TemplateHost = {
  nowMs: () => 1_700_000_000_000,
  zones: zoneinfo,
  random: {
    float: () => 0.5,
    bytes: (length) => new Uint8Array(length),
    uuid: () => "8c1c9a49-9f6c-4e0b-8f0b-2d3f0f5a1a11",
  },
  variable: (name) => (name === "NAME" ? "value" : undefined),
  isAllowed: (path) => !path.startsWith("/outside"),
  plugin: (name, args) =>
    name === "fails"
      ? { error: "exit status 1", stdout: "", stderr: "why" }
      : { error: undefined, stdout: ` ${args.join("+")}\n`, stderr: "" },
  write: (file) => written.push(file),
  print: (text) => printed.push(text),
  makeKey: (kind) =>
    kind === "ed25519"
      ? generateKeyPairSync("ed25519").privateKey
      : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  interfaces: () => [],
};

const answers = new Map<string, GoValue>();
const asked = new Set<string>();
const functions = createFunctions({
  host,
  sources: {
    recall: (dependency) => {
      asked.add(dependencyKey(dependency));
      return answers.get(dependencyKey(dependency));
    },
  },
  namespace: "default",
  destination: "/out",
  denylist: ["plugin", "no-such-function"],
});

/** What `{{ text }}` renders, or the error it gives: of a function's the function's own words. */
function rendered(text: string, table = functions, whole = false): string {
  const parsed = parseTemplate({ name: "", text: `{{ ${text} }}`, functions: table });
  const result = parsed.ok ? parsed.template.execute(null) : parsed;
  if (result.ok) return bytesOfText(result.text).toString();
  return `error: ${whole ? result.message : result.message.replace(/^template: .*? at <.*?>: (?:error calling \w+: )?/s, "")}`;
}

const CorpusSchema = v.array(v.looseTuple([v.string(), v.nullable(v.string())]));
const corpus = v.parse(CorpusSchema, JSON.parse(readFileSync(join(import.meta.dirname, "corpus.json"), "utf8")));

test("every function gives what consul-template's own gave, to the byte, and fails with its words", (t) => {
  t.true(corpus.length > 500);
  for (const [expression, output, error] of corpus)
    t.is(rendered(expression, functions, true), output ?? `error: ${String(error)}`, expression);
});

test("every function there is stands in the corpus, or is tried on its own here", (t) => {
  const used = new Set(corpus.flatMap(([expression]) => expression.match(/[a-zA-Z_]\w*/g) ?? []));
  const elsewhere = new Set([
    ...OWN_TESTS.flatMap(([expression]) => expression.match(/[a-zA-Z_]\w*/g) ?? []),
    ...ASKED,
    ...CHANCE,
    ...MAKERS,
  ]);
  t.deepEqual(
    [...functions.keys()].filter((name) => !used.has(name) && !elsewhere.has(name)),
    [],
  );
});

/** What depends on the clock, on the machine and on the order of a map. */
const OWN_TESTS: [string, string][] = [
  ["timestamp", "2023-11-14T22:13:20Z"],
  ['timestamp "2006-01-02"', "2023-11-14"],
  ['timestamp "unix"', "1700000000"],
  ["sprig_now", "2023-11-14 22:13:20 +0000 UTC"],
  ["sprig_ago (sprig_now)", "0s"],
  ["sprig_ago 1699990000", "2h46m40s"],
  ['sprig_date "Jan 2" 0', "Jan 1"],
  ["sprig_htmlDate 0", "1970-01-01"],
  ["sprig_duration 95", "1m35s"],
  [
    'sprig_sha512sum "x"',
    "a4abd4448c49562d828115d13a1fccea927f52b4d5459297f8b43e42da89238bc13626e43dcb38ddb082488927ec904fb42057443983e88585179d50551afe62",
  ],
  ['join "," (loop 3)', "error: wrong type for value; expected []string; got []int64"],
  ["toJSON (loop 2 5)", "[2,3,4]"],
  ['plugin "x"', "error: function is disabled"],
  ['writeToFile "/tmp/x" "root" "" "0644" "append,newline" "content"', ""],
  ['writeToFile "/outside/x" "" "" "0644" "content"', "error: '/outside/x' is outside of sandbox"],
  ['writeToFile "/x" "" "" "0999" "content"', 'error: strconv.ParseUint: parsing "0999": invalid syntax'],
  ['file "/outside/x"', "error: '/outside/x' is outside of sandbox"],
  ['spew_dump "a"', ""],
  ['spew_printf "%v" 1', ""],
  ["toJSON (scratch)", "{}"],
  ['sockaddr "GetAllInterfaces" "|" "limit 1" "|" "attr" "`address`"', ""],
  ['sprig_env "NAME"', "value"],
  ['sprig_expandenv "a $NAME ${NAME}b $NOPE_X."', "a value valueb ."],
  ["sprig_merge", "error: wrong number of args for sprig_merge: want at least 1 got 0"],
  ['sprig_mustMerge (sprig_dict "a" 1) (sprig_dict "a" 2 "b" 3)', "map[a:1 b:3]"],
  ['sprig_mustMergeOverwrite (sprig_dict "a" 1) (sprig_dict "a" 2 "b" 3)', "map[a:2 b:3]"],
  ['sprig_mustDeepCopy (sprig_dict "a" 1)', "map[a:1]"],
  ["sprig_mustPush (sprig_list 1) 2", "[1 2]"],
  ['sprig_mustRegexFindAll "a" "aba" -1', "[a a]"],
  ['sprig_mustRegexReplaceAll "a(b)" "ab" "$1"', "b"],
  ['sprig_mustRegexReplaceAllLiteral "a" "a" "$1"', "$1"],
  ['sprig_mustRegexSplit "b" "abc" -1', "[a c]"],
  ["sprig_mustToPrettyJson (sprig_list 1)", "[\n  1\n]"],
  ['sprig_mustToRawJson "<"', '"<"'],
];

test("the clock, files, programs, scratch and what a host forbids", (t) => {
  for (const [expression, output] of OWN_TESTS) t.is(rendered(expression), output, expression);
  t.deepEqual(written, [{ path: "/tmp/x", content: "content\n", user: "root", group: "", mode: 0o644, append: true }]);
  t.deepEqual(printed, ['(string) (len=1) "a"\n', "1"]);
});

const CHANCE = [
  "sprig_randAlphaNum",
  "sprig_randAlpha",
  "sprig_randNumeric",
  "sprig_randAscii",
  "sprig_randBytes",
  "sprig_randInt",
  "sprig_uuidv4",
  "sprig_shuffle",
  "sprig_encryptAES",
  "sprig_bcrypt",
  "sprig_htpasswd",
];

test("what draws lots draws them from the host", (t) => {
  t.regex(rendered("sprig_randAlphaNum 8"), /^[A-Za-z0-9]{8}$/);
  t.regex(rendered("sprig_randAlpha 8"), /^[A-Za-z]{8}$/);
  t.regex(rendered("sprig_randNumeric 8"), /^\d{8}$/);
  t.is(rendered("sprig_randAscii 8").length, 8);
  t.is(rendered("sprig_randBytes 3"), "AAAA");
  t.is(rendered("sprig_randInt 10 20"), "15");
  t.is(rendered("sprig_randInt 2 2"), "error: invalid argument to Intn");
  t.is(rendered("sprig_uuidv4"), "8c1c9a49-9f6c-4e0b-8f0b-2d3f0f5a1a11");
  t.is(rendered('sprig_shuffle "abc"').length, 3);
  t.is(
    rendered("sprig_randAlpha 99999999"),
    "error: 99999999 random characters: at least 0 and at most 1000000 are made",
  );
  t.is(rendered('sprig_decryptAES "key" (sprig_encryptAES "key" "héllo")'), "héllo");
});

test("plugins run where the host allows them", (t) => {
  const open = createFunctions({
    host,
    sources: { recall: () => undefined },
    namespace: "",
    destination: "",
    denylist: [],
  });
  t.is(rendered('plugin "adds" " a " "" "b"', open), "a+b");
  t.is(rendered('plugin "fails"', open), 'error: exec "fails": exit status 1\n\nstdout:\n\n\n\nstderr:\n\nwhy');
});

const node = {
  ID: "n-1",
  Node: "alpha",
  Address: "10.0.0.1",
  Datacenter: "dc1",
  TaggedAddresses: { lan: "10.0.0.1" },
  Meta: { rack: "a" },
};
const instance = (id: string, { status = "passing", address = "", port = 80, tags = ["v1"], meta = {} }) => ({
  Node: node,
  Service: { ID: id, Service: "web", Tags: tags, Address: address, Port: port, Meta: meta },
  Checks: [{ Node: "alpha", CheckID: `service:${id}`, Status: status }],
});

/** What a template asks: the key of the dependency, the answer's body, and what is rendered of it. */
const ASKED = [
  "service",
  "connect",
  "services",
  "nodes",
  "node",
  "datacenters",
  "ls",
  "tree",
  "safeLs",
  "safeTree",
  "key",
  "keyExists",
  "keyOrDefault",
  "byKey",
  "byTag",
  "byPort",
  "byMeta",
  "explode",
  "partitions",
  "peerings",
  "exportedServices",
  "importedServices",
  "caRoots",
  "caLeaf",
  "nomadServices",
  "nomadService",
  "nomadVar",
  "nomadVarExists",
  "nomadVarList",
  "nomadVarListSafe",
  "secret",
  "secrets",
  "pkiCert",
  "file",
  "executeTemplate",
];

test("functions over Consul's API ask by key and show what was answered", (t) => {
  const scope = { datacenter: "", namespace: "", partition: "" };
  const health = {
    kind: "health.service",
    name: "web",
    tag: "",
    near: "",
    peer: "",
    samenessGroup: "",
    filters: ["any"],
    ...scope,
  } as const;
  const web = readConsulAnswer(health, [
    instance("web-2", { status: "critical", port: 81, tags: ["b", "a"], meta: { n: "2" } }),
    instance("web-1", { address: "10.9.9.9", meta: { n: "1", env: "x y" } }),
  ]);
  answers.set("health.service(web|any)", web);
  t.is(rendered("sprig_len"), 'error: template: :1: function "sprig_len" not defined');
  t.regex(rendered('toJSON (byTag (service "web|any"))'), /^\{"a":\[\{.*"b":\[\{.*"v1":\[\{/);
  t.regex(rendered('toJSON (byPort (service "web|any"))'), /^\{"80":\[.*"ID":"web-1".*"81":\[.*"ID":"web-2"/);
  t.regex(rendered('toJSON (byMeta "env,n|int" (service "web|any"))'), /^\{"_no_env__00002":\[.*"x_y_00001":\[/);
  const [first] = Array.isArray(web) ? web : [];
  t.true(first instanceof GoObject);
  if (first instanceof GoObject)
    t.deepEqual(
      ["ID", "Node", "NodeID", "NodeAddress", "Address", "Port", "Status", "Name"].map((name) => first.field(name)),
      ["web-1", "alpha", "n-1", "10.0.0.1", "10.9.9.9", 80n, "passing", "web"],
    );
  const passing = readConsulAnswer({ ...health, filters: ["passing"] }, [
    instance("a", { status: "warning" }),
    instance("b", {}),
  ]);
  t.is(Array.isArray(passing) ? passing.length : 0, 1);

  const list = { kind: "kv.list", prefix: "app", ...scope } as const;
  const pair = (Key: string, text: string) => ({
    Key,
    Value: Buffer.from(text).toString("base64"),
    Flags: 3_304_740_253_564_472_344n,
    ModifyIndex: 7,
  });
  answers.set(
    "kv.list(app)",
    readConsulAnswer(list, [pair("app/", ""), pair("app/a", "1"), pair("app/b/c", "2"), pair("app/b/", "")]),
  );
  t.is(rendered('toJSON (explode (tree "app"))'), '{"a":"1","b":{"c":"2"}}');
  t.is(rendered('toJSON (sprig_pluck "Key" (sprig_dict "Key" 1))'), "[1]");
  t.is(
    rendered('toYAML (ls "app")'),
    '- path: app/a\n  key: a\n  value: "1"\n  createindex: 0\n  modifyindex: 7\n  lockindex: 0\n  flags: 3304740253564472344\n  session: ""',
  );
  t.regex(rendered('toJSON (byKey (tree "app"))'), /^\{"b":\{"c":\{"Path":"app\/b\/c","Key":"c","Value":"2"/);

  answers.set(
    "kv.block(a/b)",
    readConsulAnswer({ kind: "kv.get", key: "a/b", block: true, ...scope }, [pair("a/b", "x")]),
  );
  answers.set("kv.get(gone)", readConsulAnswer({ kind: "kv.get", key: "gone", block: false, ...scope }, undefined));
  t.is(rendered('key "a/b"'), "x");
  t.is(rendered('keyExists "gone"'), "false");
  t.is(rendered('keyOrDefault "gone" "5"'), "5");
  t.is(rendered('keyOrDefault "not/there/yet" "5"'), "5");
  t.is(rendered("node"), "<no value>");
  t.is(rendered('service "absent"'), "[]");
  t.true(
    asked.has("kv.get(not/there/yet)") && asked.has("catalog.node") && asked.has("health.service(absent|passing)"),
  );
});

test("the rest of Consul's answers", (t) => {
  const scope = { datacenter: "", namespace: "", partition: "" };
  const json = (value: GoValue) => {
    answers.set("catalog.datacenters", value);
    return rendered("toJSON (datacenters)");
  };
  t.is(json(readConsulAnswer({ kind: "catalog.datacenters", ignoreFailing: false }, ["b", "a"])), '["a","b"]');
  t.is(
    json(readConsulAnswer({ kind: "catalog.services", ...scope }, { web: ["b", "a"], db: [] })),
    '[{"Name":"db","Tags":[]},{"Name":"web","Tags":["a","b"]}]',
  );
  t.regex(
    json(readConsulAnswer({ kind: "catalog.nodes", near: "", ...scope }, [node])),
    /^\[\{"ID":"n-1","Node":"alpha"/,
  );
  t.regex(
    json(
      readConsulAnswer(
        { kind: "catalog.node", name: "alpha", ...scope },
        { Node: node, Services: { x: { ID: "x", Service: "s", Port: 1 } } },
      ),
    ),
    /"Services":\[\{"ID":"x","Service":"s"/,
  );
  t.is(json(readConsulAnswer({ kind: "catalog.node", name: "nope", ...scope }, null)), '{"Node":null,"Services":[]}');
  t.is(
    json(readConsulAnswer({ kind: "list.partitions" }, [{ Name: "p", Description: "d" }])),
    '[{"Name":"p","Description":"d"}]',
  );
  t.regex(
    json(readConsulAnswer({ kind: "connect.caroots" }, { Roots: [{ ID: "r", RootCert: "PEM" }] })),
    /"RootCertPEM":"PEM"/,
  );
  t.regex(
    json(
      readConsulAnswer(
        { kind: "connect.caleaf", service: "web" },
        { CertPEM: "C", ValidAfter: "2020-01-01T00:00:00Z" },
      ),
    ),
    /"ValidAfter":"2020-01-01T00:00:00Z"/,
  );
  t.regex(
    json(readConsulAnswer({ kind: "list.peerings", partition: "" }, [{ Name: "p", State: "ACTIVE" }])),
    /"PeeringState":"ACTIVE"/,
  );
  t.regex(
    json(
      readConsulAnswer({ kind: "list.exportedServices", partition: "" }, [
        { Service: "s", Consumers: { Partitions: ["x"] } },
      ]),
    ),
    /"Consumers":\{"Peers":\[\],"Partitions":\["x"\]\}/,
  );
  t.throws(() => readConsulAnswer({ kind: "catalog.nodes", near: "", ...scope }, { not: "a list" }));
});

test("Nomad's variables are maps with methods, and print as their texts", (t) => {
  const body = {
    Namespace: "default",
    Path: "app/db",
    CreateIndex: 5,
    ModifyIndex: 6,
    CreateTime: 0,
    ModifyTime: 1_700_000_000_000_000_000n,
    Items: { user: "u", pass: "p" },
  };
  const get = { kind: "nomad.var.get", path: "app/db", namespace: "default", region: "", block: true } as const;
  answers.set("nomad.var.block(app/db@default.global)", readNomadAnswer(get, body));
  t.is(rendered('toJSON (nomadVar "app/db")'), '{"pass":"p","user":"u"}');
  t.is(rendered('nomadVar "app/db"'), "map[pass:p user:u]");
  const items = answers.get("nomad.var.block(app/db@default.global)");
  const method = (name: string): GoValue => {
    const call = items instanceof GoObject ? items.method(name) : undefined;
    const value = call?.call([], { render: () => "" }) ?? null;
    return value instanceof GoError || value instanceof GoPending ? null : value;
  };
  t.is(printValue(method("Keys")), "[pass user]");
  t.is(printValue(method("Values")), "[p u]");
  t.is(printValue(method("Tuples")), "[{pass p} {user u}]");
  t.is(printValue(method("Metadata")), "app/db");
  t.is(readNomadAnswer({ ...get, block: false }, undefined), null);
  answers.set(
    "nomad.var.list(@default.global)",
    readNomadAnswer({ kind: "nomad.var.list", prefix: "", namespace: "", region: "" }, [body]),
  );
  t.is(rendered("nomadVarList"), "[app/db]");
  answers.set(
    "nomad.service(redis:2|me)",
    readNomadAnswer({ kind: "nomad.service", name: "redis", tag: "", region: "", choose: undefined }, [
      { ServiceName: "redis", Address: "a", Port: 1, Tags: ["x"] },
    ]),
  );
  t.regex(rendered('toJSON (nomadService 2 "me" "redis")'), /"Name":"redis".*"Port":1/);
  answers.set(
    "nomad.services",
    readNomadAnswer({ kind: "nomad.services", region: "" }, [
      {
        Namespace: "default",
        Services: [
          { ServiceName: "b", Tags: [] },
          { ServiceName: "a", Tags: ["t"] },
        ],
      },
    ]),
  );
  t.is(rendered("toJSON (nomadServices)"), '[{"Name":"a","Tags":["t"]},{"Name":"b","Tags":[]}]');
});

test("secrets show their data as it was written", (t) => {
  const secret = readSecret({
    lease_id: "l",
    lease_duration: 60,
    renewable: true,
    data: { n: 1_000_000, f: 1.5, deep: { list: ["a", null] } },
  });
  answers.set("vault.read(secret/x)", secret);
  t.regex(
    rendered('toJSON (secret "secret/x")'),
    /"LeaseDuration":60,"Renewable":true,"Data":\{"deep":\{"list":\["a",null\]\},"f":1.5,"n":1000000\}/,
  );
  answers.set("vault.list(secret)", readSecretList({ data: { keys: ["b", "a/"] } }));
  t.is(rendered('secrets "secret"'), "[a/ b]");
  answers.set("vault.pki(pki/issue/x->/out 71d1a4c9)", certificateValue({ cert: "C", key: "K", ca: "A", caChain: [] }));
  rendered('pkiCert "pki/issue/x" "common_name=a"');
  t.true([...asked].some((key) => key.startsWith("vault.pki(pki/issue/x->/out ")));
});

test("no argument makes a function throw", (t) => {
  const value: fc.Arbitrary<GoValue> = fc.letrec<{ any: GoValue }>((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<GoValue>(
        null,
        true,
        "",
        "a",
        "é\uDCFF",
        "{{",
        "(",
        "2006",
        "1h",
        "%d",
        "http://a/%",
        "v1.2",
        "a: [",
        "[",
        0n,
        1n,
        -1n,
        7n,
        1.5,
        NaN,
      ),
      fc.array(tie("any"), { maxLength: 3 }),
      fc
        .dictionary(fc.constantFrom("a", "b"), tie("any"), { maxKeys: 2 })
        .map((record) => new Map(Object.entries(record))),
    ),
  })).any;
  const slow = new Set(["sprig_derivePassword", "sprig_bcrypt", "sprig_htpasswd"]);
  const names = [...functions.keys()].filter((name) => !slow.has(name));
  const property = fc.property(fc.constantFrom(...names), fc.array(value, { maxLength: 4 }), (name, args) => {
    const called = functions.get(name);
    const taken = args.map((arg, index) => (called?.params[index] ?? called?.rest)?.take(arg));
    if (called === undefined || args.length < called.params.length || taken.includes(undefined)) return;
    t.notThrows(() => called.call(taken, { render: () => "" }), name);
  });
  fc.assert(property, { seed: 8, numRuns: 5000 });
  t.pass();
});

test("a password's hash can be checked", (t) => {
  const hash = rendered('sprig_bcrypt "secret"');
  t.true(bcryptjs.compareSync("secret", hash));
  t.is(rendered('sprig_htpasswd "me" "secret"'), `me:${hash}`);
  t.is(rendered('sprig_htpasswd "a:b" "x"'), "invalid username: a:b");
});

const MAKERS = [
  "sprig_genPrivateKey",
  "sprig_genCA",
  "sprig_genCAWithKey",
  "sprig_genSelfSignedCert",
  "sprig_genSelfSignedCertWithKey",
  "sprig_genSignedCert",
  "sprig_genSignedCertWithKey",
  "sprig_buildCustomCert",
];

test("keys and certificates", (t) => {
  const text = rendered(
    '$ca := sprig_genCA "ca" 10 }}{{ $key := sprig_genPrivateKey "ed25519" }}{{ $custom := sprig_buildCustomCert (base64Encode $ca.Cert) (base64Encode $ca.Key) }}{{ range (sprig_list $ca (sprig_genSignedCert "a" (sprig_list "10.0.0.1") (sprig_list "a.example") 2 $custom) (sprig_genSignedCertWithKey "b" nil nil 2 $ca $key) (sprig_genSelfSignedCert "c" nil nil 2) (sprig_genSelfSignedCertWithKey "d" nil nil 2 $key) (sprig_genCAWithKey "e" 2 $key)) }}{{ .Cert }}{{ .Key }}%{{ end }}{{ printf "%T" $ca',
  );
  const parts = text.split("%");
  t.is(parts.at(-1), "sprig.certificate");
  const certificates = parts.slice(0, -1).map((part) => new X509Certificate(part));
  const keys = parts.slice(0, -1).map((part) => createPrivateKey(part.slice(part.lastIndexOf("-----BEGIN"))));
  const [ca, a, b, c, d, e] = certificates;
  if (ca === undefined || a === undefined || b === undefined) return t.fail(text);
  t.deepEqual(
    certificates.map(({ subject }) => subject),
    ["ca", "a", "b", "c", "d", "e"].map((name) => `CN=${name}`),
  );
  t.deepEqual(
    certificates.map(({ ca: isAuthority }) => isAuthority),
    [true, false, false, false, false, true],
  );
  certificates.forEach((each, at) => t.true(each.checkPrivateKey(keys[at] ?? createPrivateKey(""))));
  for (const each of [ca, a, b]) t.true(each.checkIssued(ca) && each.verify(ca.publicKey));
  for (const each of [c, d, e]) t.true(each?.verify(each.publicKey));
  t.is(a.subjectAltName, "DNS:a.example, IP Address:10.0.0.1");
  t.is(ca.validTo, "Nov 24 22:13:20 2023 GMT");
  for (const [expression, error] of [
    ['sprig_genPrivateKey "nope"', "Unknown type nope"],
    ['sprig_genSelfSignedCert "x" (sprig_list "nope") nil 3', "error: error parsing ip: nope"],
    ['sprig_genSelfSignedCert "x" (sprig_list 5) nil 3', "error: error parsing ip: 5 is not a string"],
    ['sprig_genCAWithKey "x" 3 ""', "error: parsing private key: no PEM data in input"],
    ['sprig_genSignedCert "x" nil nil 3 "ca"', `error: can't handle "ca" for arg of type sprig.certificate`],
    ['sprig_buildCustomCert "a" "b"', "error: unable to decode base64 certificate"],
    ['sprig_buildCustomCert "" ""', "error: unable to decode certificate"],
  ] as const)
    t.is(rendered(expression), error);
});
