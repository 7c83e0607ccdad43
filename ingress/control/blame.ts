/**
 * The backends that HAProxy's complaint is about: by the line it names, or by the frontend it could not start. Empty: it is
 * about something else than routes.
 */
export function blamedBackends(complaint: string, text: string, backends: ReadonlySet<string>): readonly string[] {
  const lines = text.split("\n");
  const found = new Set<string>();
  const named = (words: string): void => {
    for (const word of words.split(/[^A-Za-z0-9_.-]+/)) {
      const name = word.replace(/^users-/, "");
      if (backends.has(name)) found.add(name);
    }
  };
  for (const [, number] of complaint.matchAll(/\[(?:[^\]]*\/)?haproxy\.cfg:(\d+)\]/g)) {
    let at = Number(number) - 1;
    named(lines[at] ?? "");
    if (found.size > 0) break;
    while (at > 0 && !/^[a-z]/.test(lines[at] ?? "")) at -= 1;
    if (/^(?:backend|userlist) /.test(lines[at] ?? "")) named(lines[at] ?? "");
  }
  if (found.size === 0) {
    // `Binding [haproxy.cfg:50] for frontend tcp-6379: cannot bind socket (Address already in use)`
    const frontend = /frontend (tcp-\d+)/.exec(complaint)?.[1];
    const start = frontend === undefined ? -1 : lines.indexOf(`frontend ${frontend}`);
    for (let at = start + 1; start >= 0 && /^\s/.test(lines[at] ?? ""); at++) named(lines[at] ?? "");
    if (/proxy '?([A-Za-z0-9_.-]+)'?/.test(complaint)) named(complaint);
  }
  return [...found];
}
