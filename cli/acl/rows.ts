import { NOMAD_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command, Flag, RunCommand } from "../command/command.ts";

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly operands?: string;
  readonly flags?: Readonly<Record<string, Flag>>;
  readonly load: () => Promise<RunCommand>;
}

const row = ({ name, summary, operands = "", flags = {}, load }: Row): Command => ({
  name,
  summary,
  operands,
  flags: { ...NOMAD_FLAGS, ...flags },
  load,
});

const POLICY: Readonly<Record<string, Flag>> = {
  description: value("TEXT", "What it is for"),
  job: value("ID", "Bind it to the workloads of a job"),
  group: value("NAME", "Of this group only"),
  task: value("NAME", "Of this task only"),
};
const TOKEN: Readonly<Record<string, Flag>> = {
  name: value("NAME", "What people call it"),
  type: value("TYPE", "client or management"),
  global: value("true|false", "Good in all regions"),
  policy: values("NAME", "A policy it has; may be repeated"),
  "role-id": values("ID", "A role it has; may be repeated"),
  "role-name": values("NAME", "The same by name"),
  ttl: value("DURATION", "It ends after this time"),
};
const ROLE: Readonly<Record<string, Flag>> = {
  name: value("NAME", "Its name"),
  description: value("TEXT", "What it is for"),
  policy: values("NAME", "A policy it has; may be repeated"),
};
const METHOD: Readonly<Record<string, Flag>> = {
  name: value("NAME", "Its name"),
  type: value("TYPE", "JWT or OIDC"),
  "token-locality": value("WHERE", "local or global"),
  "token-name-format": value("TEXT", "What tokens are called: ${auth_method_type}-${value.user}"),
  "max-token-ttl": value("DURATION", "Tokens end after this time"),
  default: value("true|false", "What login takes when it is told none"),
  config: value("JSON|@FILE", "Whom to believe and what to read of it; @- is standard input"),
};
const RULE: Readonly<Record<string, Flag>> = {
  description: value("TEXT", "What it is for"),
  "auth-method": value("NAME", "Whose logins it is for"),
  selector: value("EXPRESSION", "Which of them; none: all"),
  "bind-type": value("TYPE", "policy, role or management"),
  "bind-name": value("NAME", "Which one; ${value.x} is filled in"),
};

const policy = async () => import("./policy.ts");
const token = async () => import("./token.ts");
const role = async () => import("./role.ts");
const method = async () => import("./auth-method.ts");
const rule = async () => import("./binding-rule.ts");
const keyring = async () => import("./keyring.ts");

const KEYRING: readonly Row[] = [
  {
    name: "list",
    summary: "List root keys",
    flags: { verbose: on("Whole ids") },
    load: async () => (await keyring()).list,
  },
  {
    name: "rotate",
    summary: "Make a new root key",
    flags: {
      full: on("Encrypt everything anew"),
      now: on("Publish it at once"),
      prepublish: value("DURATION", "Publish it after this time"),
      verbose: on("Whole ids"),
    },
    load: async () => (await keyring()).rotate,
  },
  {
    name: "remove",
    summary: "Delete a root key that nothing needs",
    operands: "KEY_ID",
    flags: { force: on("Even if something needs it: that is lost") },
    load: async () => (await keyring()).remove,
  },
];

export const ACL_COMMANDS: readonly Command[] = [
  {
    name: "acl bootstrap",
    summary: "Make the first management token, once",
    operands: "[FILE]",
    load: async () => (await token()).bootstrap,
  },
  {
    name: "acl policy apply",
    summary: "Create or change a policy",
    operands: "NAME FILE",
    flags: POLICY,
    load: async () => (await policy()).apply,
  },
  { name: "acl policy list", summary: "List policies", load: async () => (await policy()).list },
  { name: "acl policy info", summary: "Show a policy", operands: "NAME", load: async () => (await policy()).info },
  { name: "acl policy self", summary: "Show the policies of this token", load: async () => (await policy()).self },
  {
    name: "acl policy delete",
    summary: "Delete a policy",
    operands: "NAME",
    load: async () => (await policy()).remove,
  },
  { name: "acl token create", summary: "Make a token", flags: TOKEN, load: async () => (await token()).create },
  {
    name: "acl token update",
    summary: "Change a token; what no flag names stays",
    operands: "ACCESSOR_ID",
    flags: TOKEN,
    load: async () => (await token()).update,
  },
  { name: "acl token list", summary: "List tokens", load: async () => (await token()).list },
  { name: "acl token info", summary: "Show a token", operands: "ACCESSOR_ID", load: async () => (await token()).info },
  { name: "acl token self", summary: "Show this token", load: async () => (await token()).self },
  {
    name: "acl token delete",
    summary: "End a token",
    operands: "ACCESSOR_ID",
    load: async () => (await token()).remove,
  },
  { name: "acl role create", summary: "Make a role", flags: ROLE, load: async () => (await role()).create },
  {
    name: "acl role update",
    summary: "Change a role; what no flag names stays",
    operands: "ROLE_ID",
    flags: ROLE,
    load: async () => (await role()).update,
  },
  { name: "acl role list", summary: "List roles", load: async () => (await role()).list },
  {
    name: "acl role info",
    summary: "Show a role",
    operands: "ROLE_ID",
    flags: { "by-name": on("It is a name") },
    load: async () => (await role()).info,
  },
  { name: "acl role delete", summary: "Delete a role", operands: "ROLE_ID", load: async () => (await role()).remove },
  {
    name: "acl auth-method create",
    summary: "Add a way to log in",
    flags: METHOD,
    load: async () => (await method()).create,
  },
  {
    name: "acl auth-method update",
    summary: "Change a way to log in; what no flag names stays",
    operands: "NAME",
    flags: METHOD,
    load: async () => (await method()).update,
  },
  { name: "acl auth-method list", summary: "List ways to log in", load: async () => (await method()).list },
  {
    name: "acl auth-method info",
    summary: "Show a way to log in",
    operands: "NAME",
    load: async () => (await method()).info,
  },
  {
    name: "acl auth-method delete",
    summary: "Remove a way to log in",
    operands: "NAME",
    load: async () => (await method()).remove,
  },
  {
    name: "acl binding-rule create",
    summary: "Say what logins give",
    flags: RULE,
    load: async () => (await rule()).create,
  },
  {
    name: "acl binding-rule update",
    summary: "Change what logins give; what no flag names stays",
    operands: "RULE_ID",
    flags: RULE,
    load: async () => (await rule()).update,
  },
  { name: "acl binding-rule list", summary: "List what logins give", load: async () => (await rule()).list },
  {
    name: "acl binding-rule info",
    summary: "Show what a login gives",
    operands: "RULE_ID",
    load: async () => (await rule()).info,
  },
  {
    name: "acl binding-rule delete",
    summary: "Delete what a login gives",
    operands: "RULE_ID",
    load: async () => (await rule()).remove,
  },
  {
    name: "login",
    summary: "Log in by an auth method; prints the token",
    operands: "[TOKEN]",
    flags: {
      method: value("NAME", "The auth method; default: the default one"),
      type: value("TYPE", "Its type, JWT or OIDC, where it has no name"),
      "oidc-callback-addr": value("ADDRESS", "Where the browser comes back to; default: 127.0.0.1:4649"),
    },
    load: async () => (await import("./login.ts")).login,
  },
  ...KEYRING.map((each) => ({ ...each, name: `operator root keyring ${each.name}` })),
].map(row);
