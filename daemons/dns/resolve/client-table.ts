import type { Policy } from "../filter/policy.ts";

/** Clients that are known at once; above, all are forgotten and learnt again. */
const MAX_CLIENTS = 16_384;

/** Somebody who asks, and what holds for them. */
export class Client {
  /** Address in text. */
  readonly address: string;
  readonly isAllowed: boolean;
  readonly isLimited: boolean;
  /** Of the pipeline when the fields below were found out; they are found out again when it is another. */
  epoch = -1;
  policy: Policy | undefined;
  /** The policy's bit in stored replies; 0: it has none, and is looked at every time. */
  bit = 0;
  /** Which servers are asked for it: 0 the household's. */
  route = 0;
  /** Rate limiting: questions since `windowMs`. */
  windowMs = 0;
  count = 0;

  constructor(address: string, rights: { readonly isAllowed: boolean; readonly isLimited: boolean }) {
    this.address = address;
    this.isAllowed = rights.isAllowed;
    this.isLimited = rights.isLimited;
  }
}

export class ClientTable {
  readonly #byNumber = new Map<number, Client>();
  readonly #byText = new Map<string, Client>();
  readonly #create: (address: string) => Client;

  constructor(create: (address: string) => Client) {
    this.#create = create;
  }

  get size(): number {
    return this.#byText.size;
  }

  /** By an IPv4 address as a number, which costs no text. */
  byNumber(ip: number, text: () => string): Client {
    const known = this.#byNumber.get(ip);
    if (known !== undefined) return known;
    const client = this.byText(text());
    this.#byNumber.set(ip, client);
    return client;
  }

  byText(address: string): Client {
    const known = this.#byText.get(address);
    if (known !== undefined) return known;
    if (this.#byText.size >= MAX_CLIENTS) this.clear();
    const client = this.#create(address);
    this.#byText.set(address, client);
    return client;
  }

  clear(): void {
    this.#byNumber.clear();
    this.#byText.clear();
  }
}
