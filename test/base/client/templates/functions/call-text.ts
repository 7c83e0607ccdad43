import { textOfBytes } from "#base/language/go-template/functions/text/go-bytes.ts";
import { typeOf } from "#base/language/go-template/type-of.ts";
import { GoError, GoPending, type GoFunction, type GoValue } from "#base/language/go-template/value.ts";

/**
 * Reads `name "text" 1 (name 2.5) nil` and calls what it says: just enough of the language to put functions to the test
 * without it. Throws what a function gives as its error.
 */
export function callText(text: string, functions: (name: string) => GoFunction | undefined): GoValue {
  const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+/g)].map(([token]) => token);
  let at = 0;
  const argument = (): GoValue => {
    const token = tokens[at++] ?? "";
    if (token === "(") {
      const value = call();
      at++;
      return value;
    }
    if (token.startsWith('"')) return unquote(token.slice(1, -1));
    if (token === "true" || token === "false") return token === "true";
    if (token === "nil") return null;
    return /^-?\d+$/.test(token) ? BigInt(token) : Number(token);
  };
  const call = (): GoValue => {
    const name = tokens[at++] ?? "";
    const args: GoValue[] = [];
    while (at < tokens.length && tokens[at] !== ")") args.push(argument());
    const called = functions(name);
    if (called === undefined) throw new Error(`function "${name}" not defined`);
    return invoke(name, called, args);
  };
  return call();
}

function invoke(name: string, called: GoFunction, args: readonly GoValue[]): GoValue {
  const { params, rest } = called;
  if (args.length < params.length || (rest === undefined && args.length > params.length)) {
    const least = rest === undefined ? "" : "at least ";
    throw new Error(`wrong number of args for ${name}: want ${least}${params.length} got ${args.length}`);
  }
  const taken = args.map((arg, index) => {
    const param = params[index] ?? rest;
    const value = param?.take(arg);
    if (value !== undefined) return value;
    throw new Error(`wrong type for value; expected ${param?.type.name ?? ""}; got ${typeOf(arg).name}`);
  });
  const result = called.call(taken, {
    render: (template) => new GoError(`template: no template "${template}" associated with template ""`),
  });
  if (result instanceof GoError) throw new Error(result.message);
  return result instanceof GoPending ? result.zero : result;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" };

function unquote(body: string): string {
  const parts = [...body.matchAll(/\\x([\da-f]{2})|\\u([\da-f]{4})|\\(.)|[^\\]+/gi)].map(([all, byte, code, short]) => {
    if (byte !== undefined) return Buffer.from(byte, "hex");
    if (code !== undefined) return Buffer.from(String.fromCharCode(Number.parseInt(code, 16)));
    return Buffer.from(short === undefined ? all : (ESCAPES[short] ?? short));
  });
  return textOfBytes(Buffer.concat(parts));
}
