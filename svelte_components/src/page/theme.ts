/** The theme that the reader chose in the host; `system` and none at all follow the machine. */
const LIGHT = ['light', 'her'];

/** Puts the theme on the page, as the host does on its own, and follows each change of it. */
export function followTheme(): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const chosen = storedTheme();
    const isDark = chosen === 'system' ? system.matches : !LIGHT.includes(chosen);
    const { classList, dataset } = document.documentElement;
    classList.toggle('dark', isDark);
    classList.toggle('light', !isDark);
    dataset.chosen = chosen;
  };
  apply();
  system.addEventListener('change', apply);
  // Another tab with the host's settings in it.
  window.addEventListener('storage', (event) => {
    if (event.key === 'theme' || event.key === null) apply();
  });
}

function storedTheme(): string {
  try {
    return localStorage.getItem('theme') || 'system';
  } catch {
    return 'system';
  }
}
