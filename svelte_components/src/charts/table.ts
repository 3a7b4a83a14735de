/** A chart's numbers as a table, for the eyes and for the clipboard. */
export interface ChartTable {
  caption: string;
  /** The first one is of the rows' names. */
  columns: string[];
  rows: string[][];
}

/** A cell that begins with one of these is a formula to spreadsheets. */
const FORMULA = /^[=+@\t\r]|^-(?![\d.,\s])/;

/** As tab-separated text: what spreadsheets take from the clipboard. */
export function tabSeparated({ columns, rows }: ChartTable): string {
  return [columns, ...rows].map((row) => row.map(cellOf).join('\t')).join('\n');
}

function cellOf(text: string): string {
  const flat = text.replace(/[\t\r\n]+/g, ' ');
  return FORMULA.test(flat) ? `'${flat}` : flat;
}
