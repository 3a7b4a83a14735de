/** The numbers that every line of usage has. `cost` is what is to be paid. */
import { amount, count, optionalAmount, optionalCount, type Fields } from './read';

export interface Measures {
  tokens: number;
  /** Decimal string, USD. */
  cost: string;
  requests: number;
  promptTokens: number;
  completionTokens: number;
  /** Part of the prompt tokens. */
  cachedTokens: number;
  /** Part of the completion tokens. */
  reasoningTokens: number;
  failures: number;
  cancelled: number;
  /** Titles, tags and the like; null where it was not kept what calls were for. */
  taskRequests: number | null;
  /** Mean time to the first byte. */
  firstByteMs: number | null;
  /** Decimal string. */
  tokensPerSecond: string | null;
}

export function readMeasures(fields: Fields): Measures {
  return {
    tokens: count(fields.tokens, 'tokens'),
    cost: amount(fields.cost, 'cost'),
    requests: count(fields.requests, 'requests'),
    promptTokens: count(fields.prompt_tokens, 'prompt_tokens'),
    completionTokens: count(fields.completion_tokens, 'completion_tokens'),
    cachedTokens: count(fields.cached_tokens, 'cached_tokens'),
    reasoningTokens: count(fields.reasoning_tokens, 'reasoning_tokens'),
    failures: count(fields.failures, 'failures'),
    cancelled: count(fields.cancelled, 'cancelled'),
    taskRequests: optionalCount(fields.task_requests, 'task_requests'),
    firstByteMs: optionalCount(fields.first_byte_ms, 'first_byte_ms'),
    tokensPerSecond: optionalAmount(fields.tokens_per_second, 'tokens_per_second'),
  };
}
