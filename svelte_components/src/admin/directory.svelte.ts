import { fetchDirectory, type OrganizationEntry } from '../client/directory';
import { resource, type Resource } from './load.svelte';

/** All organizations, for lists that hold their ids and for choosing one. */
export interface Directory {
  readonly resource: Resource<OrganizationEntry[]>;
  readonly entries: readonly OrganizationEntry[];
  /** The id itself while the names are not here, or for one that is not among them. */
  nameOf(id: string): string;
}

/** Call it while the component is made. */
export function directory(): Directory {
  const all = resource(fetchDirectory);
  const names = $derived<Record<string, string>>(
    Object.fromEntries((all.value ?? []).map(({ id, name }) => [id, name])),
  );
  return {
    resource: all,
    get entries() {
      return all.value ?? [];
    },
    nameOf: (id) => names[id] ?? id,
  };
}
