const LONGEST = 60;

export const SLUG = /^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$/;

/** Letters that are no base letter with an accent. */
const LETTERS: Record<string, string> = {
  ł: 'l',
  ß: 'ss',
  ø: 'o',
  đ: 'd',
  æ: 'ae',
  œ: 'oe',
  þ: 'th',
};

/** What a name makes in addresses: "Łódź & Syn S.A." → "lodz-syn-s-a"; empty where nothing is left. */
export function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[łßøđæœþ]/g, (letter) => LETTERS[letter] ?? letter)
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST)
    .replace(/^-+|-+$/g, '');
}
