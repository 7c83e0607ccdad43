/** Where lines go. */
export interface AuditSink {
  /** Throws, or rejects, when the line was not taken. */
  write(line: string): Promise<void> | void;
  reopen?(): void;
  close(): Promise<void> | void;
}
