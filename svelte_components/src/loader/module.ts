import { moduleLoader } from '../assets/modules';
import { config } from './config';

export const loadModule = moduleLoader(config);

/** Fetches a module while the reader still looks for its tab; what fails is told when it is opened. */
export function warmUp(module: string): void {
  const begin = () => void loadModule(module).catch(() => undefined);
  if (typeof requestIdleCallback === 'function') requestIdleCallback(begin);
  else begin();
}
