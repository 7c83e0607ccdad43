import type { Lease } from "../leases/lease.ts";
import { isHeld } from "../leases/lease.ts";
import type { Settings } from "../settings/settings.ts";
import { MAX_WRITES, type SharedKv, type Write } from "./kv.ts";

export const NAMES = "lares/dhcp/names/";
/** Addresses whose name waits to be told; past it the oldest is left out until it changes again. */
const MAX_WAITING = 65_536;

/**
 * Who is called what, for the DNS: `lares/dhcp/names/ADDRESS` → `{"name","domain","address","mac"}`. Written only where it
 * changed, behind what clients wait for, and again until the store took it.
 */
export class Names {
  readonly #kv: SharedKv;
  readonly #settings: Settings;
  readonly #told = new Map<string, string>();
  readonly #waiting = new Map<string, string>();
  #isFlushing = false;

  constructor(deps: { readonly kv: SharedKv; readonly settings: Settings }) {
    this.#kv = deps.kv;
    this.#settings = deps.settings;
  }

  note(lease: Lease, nowMs: number): void {
    const address = this.#settings.family.addresses.format(lease.ip);
    // A delegated prefix: nobody's address.
    if (address.includes("/")) return;
    const { name, mac } = lease;
    const domain = this.#settings.subnets.find(({ id }) => id === lease.subnet)?.domain ?? "";
    const value = name === "" || !isHeld(lease, nowMs) ? "" : JSON.stringify({ name, domain, address, mac });
    if (this.#told.get(address) === value) return;
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.set(address, value);
  }

  /** Somebody else changed the lease, and may have changed its name's key with it. */
  forget(ip: Lease["ip"]): void {
    this.#told.delete(this.#settings.family.addresses.format(ip));
  }

  async flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    while (this.#waiting.size > 0) {
      const group = [...this.#waiting].slice(0, MAX_WRITES);
      const writes = group.map(([address, value]): Write =>
        value === ""
          ? { verb: "delete", key: `${NAMES}${address}` }
          : { verb: "set", key: `${NAMES}${address}`, value },
      );
      const done = await this.#kv.txn(writes);
      if (done.kind !== "done") break;
      for (const [address, value] of group) {
        this.#told.set(address, value);
        if (this.#waiting.get(address) === value) this.#waiting.delete(address);
      }
    }
    this.#isFlushing = false;
  }
}
