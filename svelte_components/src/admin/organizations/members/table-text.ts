/** CSV as its writer sees it: which line of the file a row stands in, and a template to begin with. */

export const COLUMNS = [
  'user_id',
  'email',
  'client_org_id',
  'role',
  'monthly_limit',
  'effective_from',
] as const;

export interface TextRow {
  /** The first line of it, counted from 1 with the heading. */
  line: number;
  text: string;
}

/** The rows as the server counts them: without the heading and without empty ones. */
export function rowsOf(csv: string): TextRow[] {
  const rows: TextRow[] = [];
  let open = '';
  let begin = 0;
  for (const [index, text] of csv
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    if (open === '') begin = index + 1;
    open = open === '' ? text : `${open}\n${text}`;
    // A cell in quotes may go on in the next line.
    if ((open.match(/"/g)?.length ?? 0) % 2 === 1) continue;
    if (/[^\s,;"]/.test(open)) rows.push({ line: begin, text: open });
    open = '';
  }
  if (/[^\s,;"]/.test(open)) rows.push({ line: begin, text: open });
  return rows.slice(1);
}

/** A table to fill in, with a row that shows how. */
export function templateFor(slug: string): string {
  const example = ['', 'anna@example.com', slug, 'member', '25.00', ''];
  return `${COLUMNS.join(',')}\r\n${example.join(',')}\r\n`;
}
