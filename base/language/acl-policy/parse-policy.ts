import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { decodeBody } from "../hcl/decode/decode.ts";
import { looksLikeJson, parseJsonBody } from "../hcl/decode/json-body.ts";
import { locate, renderDiagnostics, type Diagnostic } from "../hcl/diagnostic.ts";
import { rootScope } from "../hcl/evaluate/root.ts";
import { parseHcl } from "../hcl/parse.ts";
import { MAX_COMPLAINTS } from "../hcl/parser.ts";
import type { SourceText } from "../hcl/source.ts";
import { PolicyRulesSchema, type PolicyRules } from "./policy.ts";
import { aclPolicy } from "./tables.ts";

/** Longest text of a policy, in characters. */
export const MAX_POLICY_LENGTH = 512 * 1024;

/** A policy's text, HCL or JSON, as rules. Fails with `bad_policy`, every mistake shown in its line. */
export function parsePolicy(text: string): Result<PolicyRules> {
  if (text.length > MAX_POLICY_LENGTH) {
    return fail("bad_policy", `the policy has ${text.length} characters, at most ${MAX_POLICY_LENGTH} are taken`);
  }
  const source: SourceText = { name: "policy", text };
  const diagnostics: Diagnostic[] = [];
  const parsed = looksLikeJson(text) ? parseJsonBody(source, aclPolicy) : parseHcl(source);
  diagnostics.push(...parsed.diagnostics);
  const scope = rootScope({
    source,
    functions: new Map(),
    complain: (complaint) => {
      if (diagnostics.length < MAX_COMPLAINTS) diagnostics.push(locate(complaint, { source }));
    },
  });
  const fields = diagnostics.length > 0 ? {} : decodeBody(parsed.node, aclPolicy, scope);
  if (diagnostics.length > 0) return fail("bad_policy", renderDiagnostics(diagnostics));
  const rules = v.safeParse(PolicyRulesSchema, fields);
  if (!rules.success) return fail("bad_policy", rules.issues.map(({ message }) => message).join("; "));
  const problem = problemOf(rules.output);
  return problem === undefined ? succeed(rules.output) : fail("bad_policy", problem);
}

function problemOf(rules: PolicyRules): string | undefined {
  if (isEmpty(rules)) return "the policy has no rules";
  const paths = rules.Namespaces.flatMap(({ Variables }) => Variables?.Paths ?? []).map(({ PathSpec }) => PathSpec);
  const bad = paths.find((path) => path === "" || path.startsWith("/"));
  return bad === undefined
    ? undefined
    : `variables: path ${JSON.stringify(bad)} must not be empty or start with a slash`;
}

function isEmpty(rules: PolicyRules): boolean {
  return Object.values(rules).every(
    (part) => part === null || part === "" || (Array.isArray(part) && part.length === 0),
  );
}
