import { isSecretFlag, NAMES, REDACTED, redactedText } from "./redact-text.ts";

const SECRET = new RegExp(`${NAMES}|(^|[_-])(key|pass|pwd|psk)$`, "i");
/** Blocks of jobs whose names stay and whose values may be anything. */
const BLOCK = /^(env|args|entrypoint|auth|headers?|getterheaders)$/i;
/** Of a container; those of metrics have another case. */
const LABELS = "labels";
/** May hold anything where it is text: an event's `Payload` is none. */
const TEXT = /^(embeddedtmpl|body|payload|(user|meta|vendor)_data|network_config)$/i;

/** A copy of an answer without what its names call secret. Accessors, flags and all names stay. */
export function redacted(value: unknown): unknown {
  if (typeof value === "string") return redactedText(value);
  if (Array.isArray(value)) {
    const follows = (item: unknown, at: number): boolean =>
      isSecretFlag(value[at - 1]) && typeof item === "string" && !item.startsWith("-");
    return value.map((item: unknown, at) => (follows(item, at) ? hidden(item) : redacted(item)));
  }
  if (typeof value !== "object" || value === null) return value;
  // The key of an event is the id of what changed.
  const isEvent = "Topic" in value && "FilterKeys" in value;
  return mapped(value, (item, name) => {
    if (isEvent && name === "Key") return item;
    if (BLOCK.test(name) || name === LABELS) return hidden(item);
    const isSecret = SECRET.test(name);
    if (isSecret && Array.isArray(item))
      return item.map((one: unknown) => (typeof one === "string" ? hidden(one) : redacted(one)));
    return typeof item === "string" && (isSecret || TEXT.test(name)) ? hidden(item) : redacted(item);
  });
}

/** One line of a stream of JSON. */
export function redactedLine(line: string): string {
  if (line === "") return line;
  try {
    return JSON.stringify(redacted(JSON.parse(line)));
  } catch {
    // Its names cannot be told from its values.
    return '{"LeftOut":"a line that is not whole"}';
  }
}

/** All text and numbers below. */
function hidden(value: unknown): unknown {
  if (typeof value === "string") return value === "" ? value : REDACTED;
  if (typeof value === "number") return REDACTED;
  if (Array.isArray(value)) return value.map((item: unknown) => hidden(item));
  return typeof value === "object" && value !== null ? mapped(value, hidden) : value;
}

function mapped(value: object, of: (item: unknown, name: string) => unknown): unknown {
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: readonly [string, unknown]) => [name, of(item, name)]),
  );
}
