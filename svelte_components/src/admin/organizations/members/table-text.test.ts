// @vitest-environment node
import { expect, it } from 'vitest';
import { rowsOf, templateFor } from './table-text';

it('knows the line of each row that the server counts', () => {
  const csv = '\ufeffemail,client_org_id\r\na@x,acme\r\n\r\n , \r\nb@x,acme';
  expect(rowsOf(csv)).toEqual([
    { line: 2, text: 'a@x,acme' },
    { line: 5, text: 'b@x,acme' },
  ]);
});

it('goes on in the next line where quotes are open', () => {
  const csv = 'email,client_org_id\n"a\nb",acme\nc@x,"ac""me"\n"never closed';
  expect(rowsOf(csv)).toEqual([
    { line: 2, text: '"a\nb",acme' },
    { line: 4, text: 'c@x,"ac""me"' },
    { line: 5, text: '"never closed' },
  ]);
});

it('finds no row in nothing, or in a heading alone', () => {
  expect(rowsOf('')).toEqual([]);
  expect(rowsOf('email,client_org_id\n')).toEqual([]);
});

it('has a template that names the organization', () => {
  expect(templateFor('acme')).toContain('anna@example.com,acme,member');
});
