/**
 * Every text of ours, in English. A text that depends on a number has one form for each plural
 * category of the language; `{name}` is replaced by a value that is already formatted.
 */

export type Plural = { one: string; other: string };
export type Text = string | Plural;

export const en = {
  title: 'Organization usage',
  live: 'Live',
  paused: 'Not live',
  refresh: 'Refresh',
  refreshing: 'Refreshing…',
  retry: 'Try again',
  signIn: 'Sign in again',
  loading: 'Loading your organization’s usage…',

  todayTokens: 'Today’s tokens',
  inputTokens: '{count} in',
  outputTokens: '{count} out',
  todayCost: 'Today’s cost',
  monthTotal: 'Month total',
  dailyAverage: 'Daily average',
  perActiveDay: 'per active day',
  tokens: { one: '{count} token', other: '{count} tokens' },
  requests: { one: '{count} request', other: '{count} requests' },
  daysActive: { one: '{count} day active', other: '{count} days active' },
  pending: {
    one: '{count} call is awaiting its final cost',
    other: '{count} calls are awaiting their final cost',
  },

  trend: 'Daily trend',
  trendRange: '{from} – {to}',
  measure: 'Shown in the chart',
  measureCost: 'Cost',
  measureTokens: 'Tokens',
  measureRequests: 'Requests',
  chartCost: 'Cost by day',
  chartTokens: 'Tokens by day',
  chartRequests: 'Requests by day',
  today: 'Today',
  table: 'Show as table',
  tableCaption: 'Usage by day, newest first',
  day: 'Day',
  imported: 'imported',

  updated: 'Last updated {time}',
  zone: 'Days follow {zone} time',
  asOf: 'Showing the figures as of {time}.',

  emptyTitle: 'No usage yet',
  emptyText:
    'Nobody in your organization has used a model in the last 30 days. Send a message in any chat: its tokens and cost appear here within seconds.',

  noOrganizationTitle: 'You are not in an organization yet',
  noOrganizationText:
    'Usage is counted for organizations, and your account does not belong to one. Ask your administrator to add you.',
  signedOutTitle: 'Your session has ended',
  signedOutText: 'Sign in again to see your organization’s usage.',
  unavailableTitle: 'The meter is not available',
  unavailableText: 'Usage cannot be read right now.',
  busyTitle: 'Too many requests',
  busyText: 'The server asked to slow down. The figures refresh by themselves shortly.',
  serverTitle: 'The server had a problem',
  serverText: 'It answered with status {status}.',
  unreadableTitle: 'The answer could not be read',
  unreadableText: 'The server sent something unexpected. Your administrator may need to update it.',
  unreachableTitle: 'The server cannot be reached',
  unreachableText: 'Check your connection. The figures refresh by themselves when it is back.',
} as const satisfies Record<string, Text>;

export type MessageKey = keyof typeof en;
