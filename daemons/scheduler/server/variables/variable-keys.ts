import { put, unchanged } from "#base/state/codec.ts";
import { variables } from "#base/state/tables.ts";
import type { KeyUser } from "../keyring/keyring.ts";
import { readable, type ServerContext } from "../server-context.ts";

/** Where a variable's items belong: moved to another path or namespace they no longer open. */
export function sealedAt(namespace: string, path: string): string {
  return `variables/${namespace}/${path}`;
}

/** What variables mean to the keyring: which keys they need, and how they move to a new one. */
export function variableKeys({ state, store, keyring, ...rest }: ServerContext): KeyUser {
  const table = state.view.table(variables);
  return {
    name: "variables",
    uses(key) {
      for (const row of table.list()) if (row.value.KeyID === key.KeyID) return true;
      return false;
    },
    async rekey(keyId) {
      // A list of its own: the table changes while this waits.
      const rows = [...table.list()];
      for (const row of rows) {
        if (row.value.KeyID !== keyId) continue;
        const context = sealedAt(row.namespace, row.id);
        const plain = keyring.decrypt(row.value, context);
        if (!plain.ok) throw new Error(`variable ${row.namespace}/${row.id}: ${plain.error.message}`);
        const value = { ...row.value, ...keyring.encrypt(plain.value, context) };
        // Whoever wrote it meanwhile sealed it with the new key.
        const compare = [unchanged(variables, row)];
        const { revision } = await store.txn({ compare, then: [put(variables, row, value)] });
        await readable({ state, store, keyring, ...rest }, revision);
      }
    },
  };
}
