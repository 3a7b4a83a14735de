/** Who reads the page, by the host's own session. */
import { stored } from '../host/host';

export type Session = 'nobody' | 'unreachable' | { isAdmin: boolean };

/**
 * The session that the host's front end keeps, else that of the cookie. The host tells the cookie's
 * token to whoever holds it; it is kept where the host's front end keeps it after a sign-in.
 */
export async function findSession(): Promise<Session> {
  const token = stored('token');
  const headers: HeadersInit = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const response = await fetch('/api/v1/auths/', { headers, cache: 'no-store' });
    if (response.status === 401 || response.status === 403) return 'nobody';
    if (!response.ok) return 'unreachable';
    const found = (await response.json()) as Record<string, unknown>;
    if (!token) keep(found.token);
    return { isAdmin: found.role === 'admin' };
  } catch {
    return 'unreachable';
  }
}

function keep(token: unknown): void {
  if (typeof token !== 'string' || !token) return;
  try {
    localStorage.setItem('token', token);
  } catch {
    // Storage is forbidden; the parts of the page will say that nobody is signed in.
  }
}

/** What the reseller calls the installation; '' where the host does not say. */
export async function findHostName(): Promise<string> {
  try {
    const response = await fetch('/api/config');
    const { name } = (await response.json()) as Record<string, unknown>;
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}

/** The host's sign-in, which leads back here. */
export function signInAddress(): string {
  const here = `${location.pathname}${location.search}${location.hash}`;
  return `/auth?redirect=${encodeURIComponent(here)}`;
}
