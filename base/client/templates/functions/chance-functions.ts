import bcryptjs from "bcryptjs";
import { randomInt, shuffle, type Random } from "#base/env/random.ts";
import { f0, f1, f2, INT, STRING, type Defined, type Outcome } from "#base/language/go-template/functions/define.ts";
import { GoError } from "#base/language/go-template/value.ts";
import { encryptAes } from "#base/language/go-template/functions/sprig/crypto-functions.ts";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";
const ASCII = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => index + 32));
/** The longest random text. */
const MAX_LENGTH = 1_000_000;

/** sprig's functions that draw lots: they give something else every time a template is rendered. */
export function chanceFunctions(random: Random): readonly Defined[] {
  const drawn = (name: string, alphabet: string): Defined =>
    f1(name, [INT], (count) => draw(random, { count, alphabet }));
  return [
    drawn("randAlphaNum", LETTERS + DIGITS),
    drawn("randAlpha", LETTERS),
    drawn("randNumeric", DIGITS),
    drawn("randAscii", ASCII),
    f1("randBytes", [INT], (count) =>
      count < 0n || count > MAX_LENGTH ? tooLong(count) : Buffer.from(random.bytes(Number(count))).toString("base64"),
    ),
    f2("randInt", [INT, INT], (low, high) =>
      high <= low
        ? new GoError("invalid argument to Intn")
        : low + BigInt(randomInt(random, Number(BigInt.asIntN(53, high - low)))),
    ),
    f0("uuidv4", () => random.uuid()),
    f1("shuffle", [STRING], (text) => shuffle(random, Array.from(text)).join("")),
    encryptAes((length) => random.bytes(length)),
    f1("bcrypt", [STRING], (password) => bcrypt(random, password)),
    f2("htpasswd", [STRING, STRING], (user, password) =>
      user.includes(":") ? `invalid username: ${user}` : `${user}:${bcrypt(random, password)}`,
    ),
  ];
}

/** A tenth of a second of work for each. */
function bcrypt(random: Random, password: string): string {
  return bcryptjs.hashSync(password, `$2a$10$${bcryptjs.encodeBase64(random.bytes(16), 16)}`);
}

function draw(random: Random, { count, alphabet }: { readonly count: bigint; readonly alphabet: string }): Outcome {
  if (count < 0n || count > MAX_LENGTH) return tooLong(count);
  return Array.from({ length: Number(count) }, () => alphabet.charAt(randomInt(random, alphabet.length))).join("");
}

function tooLong(count: bigint): GoError {
  return new GoError(`${count} random characters: at least 0 and at most ${MAX_LENGTH} are made`);
}
