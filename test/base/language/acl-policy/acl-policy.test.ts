import test from "ava";
import fc from "fast-check";
import type { Result } from "#base/env/errors.ts";
import { compilePolicies, type Grants } from "#base/language/acl-policy/compile.ts";
import { MAX_POLICY_LENGTH, parsePolicy } from "#base/language/acl-policy/parse-policy.ts";

/** Each block and attribute on a line of its own. */
const lines = (text: string): string =>
  text
    .replaceAll("{", "{\n")
    .replaceAll("}", "\n}\n")
    .replaceAll(/(policy|capabilities) =/g, "\n$1 =");

function grants(...texts: string[]): Grants {
  return compilePolicies(
    texts.map((text) => {
      const parsed = parsePolicy(lines(text));
      if (!parsed.ok) throw new Error(parsed.error.message);
      return parsed.value;
    }),
  );
}

function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function problem(text: string): string {
  const parsed = parsePolicy(lines(text));
  return parsed.ok ? "" : parsed.error.message;
}

test("short words stand for capabilities, capabilities bring others along, and nothing else is granted", (t) => {
  const read = grants('namespace "default" { policy = "read" }');
  for (const yes of ["list-jobs", "parse-job", "read-job", "csi-list-volume", "read-job-scaling", "any"])
    t.true(read.allows("namespace", yes, "default"), yes);
  for (const no of ["submit-job", "read-logs", "read-fs", "alloc-exec", "scale-job", "dispatch-job"])
    t.false(read.allows("namespace", no, "default"), no);
  t.false(read.allows("namespace", "read-job", "other"));
  t.false(read.allows("node", "read", ""));
  const write = grants('namespace "default" { policy = "write" }');
  t.true(write.allows("namespace", "host-volume-create", "default"));
  t.false(write.allows("namespace", "alloc-node-exec", "default"));
  t.false(write.allows("namespace", "csi-register-plugin", "default"));
  const both = grants('namespace "default" { policy = "scale"\n capabilities = ["read-fs"] }');
  t.true(both.allows("namespace", "read-logs", "default"), "read-fs implies it");
  t.true(both.allows("namespace", "scale-job", "default"));
  t.true(
    grants('namespace { policy = "read" }').allows("namespace", "read-job", "default"),
    "no name is the default's",
  );
  t.true(both.allows("namespace", "read-job", "default"));
  t.true(both.allowsSome("namespace", "scale-job"));
  t.false(both.allowsSome("namespace", "submit-job"));
});

test("submitting jobs and writing as an operator consist of parts that are granted alone, too", (t) => {
  const all = grants('namespace { capabilities = ["submit-job"] }\noperator { policy = "write" }');
  for (const part of ["register-job", "plan-job", "purge-job", "deregister-job", "fail-deployment"])
    t.true(all.allows("namespace", part, "default"), part);
  for (const part of ["read", "write", "snapshot-save", "keyring-rotate", "license-read"])
    t.true(all.allows("operator", part, ""), part);
  const some = grants('namespace { capabilities = ["plan-job"] }\noperator { capabilities = ["snapshot-save"] }');
  t.true(some.allows("namespace", "plan-job", "default"));
  t.false(some.allows("namespace", "register-job", "default"));
  t.true(some.allows("operator", "snapshot-save", ""));
  t.false(some.allows("operator", "read", ""));
  t.true(grants('operator { policy = "read" }').allows("operator", "license-read", ""));
  t.false(grants('operator { policy = "deny"\n capabilities = ["write"] }').allows("operator", "read", ""));
  t.regex(problem('operator { capabilities = ["snapshot-safe"] }'), /snapshot-save/);
});

test("of the rules that fit one counts: the exact one, then the closest pattern; deny wins where policies meet", (t) => {
  const web = grants('namespace "*-web" { policy = "deny" }\nnamespace "*" { policy = "write" }');
  t.false(web.allows("namespace", "read-job", "production-web"));
  t.true(web.allows("namespace", "read-job", "production-api"));
  const exact = grants('namespace "a" { policy = "read" }', 'namespace "*" { policy = "write" }');
  t.false(exact.allows("namespace", "submit-job", "a"));
  t.true(exact.allows("namespace", "submit-job", "b"));
  const denied = grants('namespace "a" { policy = "write" }', 'namespace "a" { capabilities = ["deny"] }');
  t.false(denied.allows("namespace", "read-job", "a"));
  t.false(denied.allowsSome("namespace", "read-job"));
  t.false(denied.allows("namespace", "any", "a"));
});

test("paths of variables: a star stays within its namespace", (t) => {
  const rules = grants(
    `namespace "*" { variables { path "x*" { capabilities = ["read"] } } }
     namespace "dev" { variables {
       path "project/*" { capabilities = ["write", "read", "destroy"] }
       path "project/secret" { capabilities = ["deny"] }
       path "system/*" { capabilities = ["write"] } } }`,
  );
  t.true(rules.allows("variables", "destroy", "dev/project/a"));
  t.false(rules.allows("variables", "read", "dev/project/secret"));
  t.false(rules.allows("variables", "list", "dev/project"));
  t.true(rules.allows("variables", "list", "dev/system/a"), "write implies it");
  t.false(rules.allows("variables", "read", "dev/system/a"));
  t.true(rules.allows("variables", "read", "prod/xyz"));
  t.false(rules.allows("variables", "read", "prod/a/xyz"), "the namespace's star is not the path's");
  t.false(rules.allows("namespace", "any", "dev"), "variables grant nothing else");
});

test("single rules, pools, host volumes, and names as in Consul's policies", (t) => {
  const rules = grants(
    `node { policy = "read" }
     agent { policy = "write" }
     operator { policy = "deny" }
     plugin { policy = "list" }
     quota { policy = "read" }
     node_pool "dev-*" { policy = "read"
       capabilities = ["write"] }
     host_volume "prod-*" { policy = "deny" }
     host_volume "*" { policy = "write" }
     host_volume "prod-ca" { policy = "read" }
     key_prefix "app/" { policy = "write" }
     key_prefix "app/secret/" { policy = "deny" }
     key "app/secret/open" { policy = "read" }
     key "star*" { policy = "read" }
     service_prefix "" { policy = "read" }
     node_prefix "edge-" { policy = "write" }`,
  );
  const yes: [string, string, string][] = [
    ["node", "read", ""],
    ["agent", "read", ""],
    ["agent", "write", ""],
    ["plugin", "list", ""],
    ["node-pool", "write", "dev-1"],
    ["node-pool", "read", "dev-1"],
    ["host-volume", "mount-readwrite", "data"],
    ["host-volume", "mount-readonly", "prod-ca"],
    ["key", "write", "app/a"],
    ["key", "read", "app/secret/open"],
    ["key", "read", "star*"],
    ["service", "read", "web"],
    ["node-name", "write", "edge-1"],
  ];
  for (const question of yes) t.true(rules.allows(...question), question.join(" "));
  const no: [string, string, string][] = [
    ["node", "write", ""],
    ["operator", "read", ""],
    ["plugin", "read", ""],
    ["node-pool", "delete", "dev-1"],
    ["node-pool", "read", "prod"],
    ["host-volume", "mount-readonly", "prod-x"],
    ["host-volume", "mount-readwrite", "prod-ca"],
    ["key", "read", "app/secret/x"],
    ["key", "read", "start"],
    ["service", "write", "web"],
    ["node-name", "write", "core-1"],
    ["nonsense", "read", ""],
  ];
  for (const question of no) t.false(rules.allows(...question), question.join(" "));
});

test("Consul's words: agents and nodes by name beside those without, and rules in a word", (t) => {
  const ops = grants(
    'agent { policy = "read" }\nagent "db-1" { policy = "write" }\nagent_prefix "web-" { policy = "deny" }',
    'operator = "read"\nacl = "write"\nmesh = "read"\npeering = "read"',
    'service "api" { policy = "write"\n intentions = "read" }\nnode "db-1" { policy = "write" }\nnode { policy = "read" }',
  );
  t.true(ops.allows("agent", "read", ""), "as Nomad's routes ask");
  t.true(ops.allows("agent", "read", "other"));
  t.false(ops.allows("agent", "write", "other"));
  t.true(ops.allows("agent", "write", "db-1"));
  t.false(ops.allows("agent", "read", "web-3"));
  t.true(ops.allows("node", "read", ""));
  t.true(ops.allows("node-name", "write", "db-1"));
  t.false(ops.allows("node-name", "read", "db-2"));
  t.true(ops.allows("operator", "read", ""));
  t.true(ops.allows("keyring", "read", ""), "operator covers the keyring");
  t.false(ops.allows("keyring", "write", ""));
  t.true(ops.allows("acl", "write", ""));
  t.false(
    grants('operator { policy = "write" }', 'keyring = "deny"').allows("keyring", "read", ""),
    "unless it is denied",
  );
  const json = '{"agent": {"policy": "read"}, "node": {"a": {"policy": "write"}}, "operator": "read"}';
  const same = compilePolicies([unwrap(parsePolicy(json))]);
  t.true(same.allows("agent", "read", "any"));
  t.true(same.allows("node-name", "write", "a"));
  t.true(same.allows("operator", "read", ""));
  t.regex(problem('operator = "admin"'), /operator: "admin" is not known here; expected read, write, deny/);
  t.regex(problem('agent { policy = "read" }\nagent { policy = "write" }'), /agent is given twice/);
});

test("JSON says the same as HCL", (t) => {
  const hcl = parsePolicy(
    lines(
      'namespace "a" { policy = "read"\n variables { path "x/*" { capabilities = ["read"] } } }\nnode { policy = "read" }\nkey_prefix "" { policy = "read" }',
    ),
  );
  const json = parsePolicy(
    JSON.stringify({
      namespace: { a: { policy: "read", variables: { path: { "x/*": { capabilities: ["read"] } } } } },
      node: { policy: "read" },
      key_prefix: { "": { policy: "read" } },
    }),
  );
  t.true(hcl.ok && json.ok);
  t.deepEqual(json, hcl);
});

test("a mistake is shown in its line, with what was expected", (t) => {
  t.regex(problem('namespace "a" {\n  policy = "reed"\n}'), /policy:4:1/);
  t.regex(
    problem('namespace "a" {\n  policy = "reed"\n}'),
    /"reed" is not known here; expected read, write, scale, deny/,
  );
  t.regex(problem('namespace "a" { capabilities = ["submit-jobs"] }'), /did you mean .*submit-job/);
  t.regex(problem('namespaces "a" { policy = "read" }'), /unknown block "namespaces"/);
  t.regex(
    problem('namespace "a" { variables { path "/x" { capabilities = ["read"] } } }'),
    /must not .*start with a slash/,
  );
  t.regex(problem('namespace "a" { variables { path "x" { capabilities = ["submit-job"] } } }'), /not known here/);
  t.regex(problem('node { policy = "scale" }'), /expected read, write, deny/);
  t.regex(problem(""), /no rules/);
  t.regex(problem("{}"), /no rules/);
  t.regex(problem("x".repeat(MAX_POLICY_LENGTH + 1)), /at most/);
  t.regex(problem('agent { policy = "read" }\nagent { policy = "deny" }'), /given twice/);
});

test("any text is answered, and what is read can be compiled and asked", (t) => {
  const word = fc.constantFrom(
    "namespace",
    '"*"',
    '"a*b"',
    "{",
    "}",
    "policy",
    "=",
    '"read"',
    '"deny"',
    "capabilities",
    "[",
    "]",
    "variables",
    "path",
    "node",
    "key_prefix",
    '""',
    ",",
    "\n",
    "null",
    "1",
    '"${x}"',
    "for",
    "dynamic",
  );
  const near = fc.array(word, { maxLength: 40 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(fc.oneof(fc.string(), near, fc.json()), fc.string(), (text, name) => {
      const parsed = parsePolicy(text);
      if (!parsed.ok) return parsed.error.message !== "";
      const rules = compilePolicies([parsed.value, parsed.value]);
      for (const resource of ["namespace", "variables", "node", "key", name]) {
        if (rules.allows(resource, "deny", name) && resource !== "deny") continue;
        rules.allowsSome(resource, name);
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});
