/** One word of HAProxy's configuration that means itself; the text holds no control characters. */
export function literal(text: string): string {
  if (/^[A-Za-z0-9_./:@=*~+-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Where HAProxy reads a log format: text as it is, between the parts that are to be filled in. */
export function formatted(text: string): string {
  return literal(text.replaceAll("%", "%%"));
}

/** A name HAProxy takes, at most 60 characters. */
export function nameOf(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9.-]/g, "_").slice(0, 60);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function html(text: string): string {
  // eslint-disable-next-line no-control-regex -- dropped
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, "").replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
