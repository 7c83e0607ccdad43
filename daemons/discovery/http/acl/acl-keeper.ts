import type { Result } from "#base/env/errors.ts";
import type { AclPolicy, AclRole, AclToken, AuthMethod, BindingRule } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";

/** A token and its secret, in the clear. */
export interface HeldToken {
  readonly row: Row<AclToken>;
  readonly secret: string;
}

/** What somebody asks of a token. */
export interface TokenWish {
  readonly Name: string;
  readonly Type: AclToken["Type"];
  readonly Policies: readonly string[];
  readonly Roles: readonly { readonly ID: string; readonly Name: string }[];
  readonly Identities: readonly string[];
  readonly mayBeEmpty: boolean;
  readonly Global: boolean;
  readonly ExpirationTime: number;
  readonly ExpirationTTL: number;
}

/** Who may do what in the cluster; implemented by the servers. Failures carry their words. */
export interface AclKeeper {
  readonly enabled: boolean;
  bootstrap(secret: string): Promise<Result<HeldToken>>;
  readonly tokens: {
    get(accessorId: string): Row<AclToken> | undefined;
    list(prefix: string): Row<AclToken>[];
    bySecret(secret: string): Row<AclToken> | undefined;
    isExpired(row: Row<AclToken>): boolean;
    secretOf(row: Row<AclToken>): Result<string>;
    create(wish: TokenWish, own: { readonly accessorId: string; readonly secret: string }): Promise<Result<HeldToken>>;
    update(accessorId: string, wish: TokenWish): Promise<Result<HeldToken>>;
    remove(accessorId: string): Promise<Result<number>>;
    rolesOf(row: Row<AclToken>): { ID: string; Name: string }[];
  };
  readonly policies: {
    get(name: string): Row<AclPolicy> | undefined;
    list(prefix: string): Row<AclPolicy>[];
    upsert(policy: AclPolicy, options: { readonly mayBeEmpty: boolean }): Promise<Result<number>>;
    remove(name: string): Promise<Result<number>>;
  };
  readonly roles: {
    get(id: string): Row<AclRole> | undefined;
    byName(name: string): Row<AclRole> | undefined;
    list(prefix: string): Row<AclRole>[];
    upsert(role: AclRole, options: { readonly mayBeEmpty: boolean }): Promise<Result<Row<AclRole>>>;
    remove(id: string): Promise<Result<number>>;
  };
  readonly methods: {
    get(name: string): Row<AuthMethod> | undefined;
    list(prefix: string): Row<AuthMethod>[];
  };
  readonly bindingRules: {
    get(id: string): Row<BindingRule> | undefined;
    list(): Row<BindingRule>[];
  };
  readonly logins: {
    login(method: string, token: string): Promise<Result<HeldToken>>;
  };
}
