/** Names as people and attackers choose them. Each of them is text and must leave the layout whole. */
export const LONG_NAME = 'Przedsiębiorstwo'.repeat(12).slice(0, 200);
export const LONG_SENTENCE =
  'The Honourable Society of People Who Name Their Organizations in Whole Sentences, so that Nobody Else Has Room Left on a Phone, Branch Office of Szczebrzeszyn and Surroundings, Department of Long Names';
export const EMOJI_NAME = '🧑‍🚀👩🏽‍💻 Zażółć 🏳️‍🌈';
export const RTL_NAME = 'شركة \u202eevil\u202c النور (2026)';
export const MARKUP_NAME = '<img src=x onerror=alert(1)><b>Acme</b> & "Söhne"';

export const ODD_NAMES = [LONG_NAME, LONG_SENTENCE, EMOJI_NAME, RTL_NAME, MARKUP_NAME];
