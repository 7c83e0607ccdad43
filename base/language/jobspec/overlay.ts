/** The first value of each key that is not null, from the most specific source to the most general. */
export function overlay<T extends object>(specific: T | null, general: T): T {
  if (specific === null) return { ...general };
  const set = Object.entries(specific).filter(([, value]) => value !== null);
  return { ...general, ...Object.fromEntries(set) };
}
