/** "7,200": whole and always grouped, also where a language groups from five digits only. */
export function formatCount(value: number, languageTag: string): string {
  return new Intl.NumberFormat(languageTag, {
    maximumFractionDigits: 0,
    useGrouping: 'always',
  }).format(value);
}

/** "7.2K", for the axis of a chart and nowhere else. */
export function formatCountTick(value: number, languageTag: string): string {
  return new Intl.NumberFormat(languageTag, {
    notation: 'compact',
    maximumFractionDigits: 1,
  }).format(value);
}
