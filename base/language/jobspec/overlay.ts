/** The first value of each key that is not null, from the most specific source to the most general. */
export function overlay<T extends object>(specific: T | null, general: T): T {
  if (specific === null) return { ...general };
  const merged: T = { ...general, ...specific };
  for (const key in merged) if (merged[key] === null && key in general) merged[key] = general[key];
  return merged;
}
