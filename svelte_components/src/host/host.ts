/** What we read from the page around us. Storage may be forbidden, and then it is simply empty. */

export type Theme = 'light' | 'dark';

export function stored(key: 'token' | 'locale'): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function currentTheme(): Theme {
  return document.documentElement.classList.contains('dark') ? 'dark' : 'light';
}

/** Tells the theme whenever the host changes it. Returns the function that stops watching. */
export function watchTheme(tell: (theme: Theme) => void): () => void {
  const observer = new MutationObserver(() => tell(currentTheme()));
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['class'] });
  return () => observer.disconnect();
}
