import { build, type Rolldown } from 'vite';
import { verifiedImports } from './verified-imports.ts';

/**
 * Builds one file with everything in it. What comes first on a page is such a file: it has nothing
 * to import before it can check what it imports.
 */
export async function standalone(entry: string, format: 'es' | 'iife'): Promise<string> {
  const built = await build({
    configFile: false,
    plugins: [verifiedImports()],
    logLevel: 'warn',
    build: {
      target: 'es2022',
      write: false,
      minify: true,
      modulePreload: false,
      rolldownOptions: { input: entry, output: { format } },
    },
  });
  const [result] = (Array.isArray(built) ? built : [built]) as Rolldown.RolldownOutput[];
  const [chunk, ...others] = result?.output ?? [];
  if (!chunk || others.length > 0) throw new Error(`${entry} must build to one file`);
  return `${chunk.code.trim()}\n`;
}
