export type Violation = { rule: string; path: string; line: number; message: string };

export function formatViolation({ rule, path, line, message }: Violation): string {
  return `${path}:${line}: ${message} [${rule}]`;
}
