import { vi } from 'vitest';

interface Asked {
  method: string;
  /** Below our API, with the query. */
  path: string;
  query: URLSearchParams;
  headers: Headers;
  /** The JSON that was sent, or the text. */
  body: unknown;
}

type Reply = { status?: number; body: unknown };
/** What a route answers; it may look at the question. */
export type Routes = Record<string, Reply | ((asked: Asked) => Reply | Promise<Reply>)>;

const API = '/api/v1/client_organizations';

/**
 * A stand-in for our server: routes by "METHOD /path", without the query. What was asked is kept, and
 * a route that is not there answers 404.
 */
export function stubServer(routes: Routes) {
  const asked: Asked[] = [];
  localStorage.setItem('token', 'secret');
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const [path = '', search = ''] = url.replace(API, '').split('?');
    const headers = new Headers(init.headers);
    const question: Asked = {
      method: init.method ?? 'GET',
      path,
      query: new URLSearchParams(search),
      headers,
      body: headers.get('Content-Type') === 'application/json' ? parsed(init.body) : init.body,
    };
    asked.push(question);
    const route = routes[`${question.method} ${path}`] ?? { status: 404, body: { detail: 'none' } };
    const reply = typeof route === 'function' ? await route(question) : route;
    return new Response(JSON.stringify(reply.body), { status: reply.status ?? 200 });
  });
  return {
    asked,
    routes,
    /** What was asked of one route, in order. */
    of: (route: string) => asked.filter(({ method, path }) => `${method} ${path}` === route),
  };
}

/** A problem document of the server. */
export function problem(
  status: number,
  detail: string,
  fields: Record<string, string> = {},
): Reply {
  const errors = Object.entries(fields).map(([field, message]) => ({ field, message }));
  return { status, body: { title: 'Problem', status, detail, errors } };
}

function parsed(body: RequestInit['body']): unknown {
  return JSON.parse(String(body));
}
