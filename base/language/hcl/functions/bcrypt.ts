import bcryptjs from "bcryptjs";
import { toNumber, toText } from "../evaluate/convert.ts";
import type { HclFunction } from "./function.ts";

const SALT_BYTES = 16;
/** Longer passwords would be cut silently. */
const MAX_PASSWORD_BYTES = 72;
const DEFAULT_COST = 10;
const MIN_COST = 4;
/** Each step doubles the work: 16 takes seconds. */
const MAX_COST = 16;

/** `bcrypt(text)` or `bcrypt(text, cost)`: a hash in the modular crypt format, with a salt of its own every time. */
export function bcryptFunction(randomBytes: (length: number) => Uint8Array): HclFunction {
  return (values) => {
    const [given = null, wanted = DEFAULT_COST, ...more] = values;
    const password = toText(given);
    const cost = toNumber(wanted);
    if (password === undefined || values.length === 0 || more.length > 0)
      return { ok: false, argument: 0, message: "expected a string, and perhaps a cost" };
    if (cost === undefined || !Number.isInteger(cost) || cost < MIN_COST || cost > MAX_COST)
      return { ok: false, argument: 1, message: `the cost is a whole number from ${MIN_COST} to ${MAX_COST}` };
    if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES)
      return { ok: false, argument: 0, message: `the text is longer than ${MAX_PASSWORD_BYTES} bytes` };
    const salt = bcryptjs.encodeBase64(randomBytes(SALT_BYTES), SALT_BYTES);
    const value = bcryptjs.hashSync(password, `$2a$${String(cost).padStart(2, "0")}$${salt}`);
    return { ok: true, value };
  };
}
