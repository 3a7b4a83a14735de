/** Short messages about what was done, with the way to undo it where there is one. */
import { getContext, setContext } from 'svelte';
import { readonly, writable, type Readable } from 'svelte/store';

export interface Toast {
  tone?: 'plain' | 'good' | 'bad';
  text: string;
  action?: { label: string; run: () => void };
  /** How long it stays; longer where there is something to do, and a failure until it is closed. */
  forMs?: number;
}

export interface ShownToast extends Toast {
  id: number;
  forMs: number;
}

export interface ToastQueue {
  show: (toast: Toast) => void;
  dismiss: (id: number) => void;
  shown: Readable<readonly ShownToast[]>;
}

const FOR_MS = 5_000;
const WITH_ACTION_FOR_MS = 10_000;
/** More would cover what they are about. */
const MOST = 3;

const KEY = Symbol('toasts');

export function toastQueue(): ToastQueue {
  const shown = writable<readonly ShownToast[]>([]);
  let last = 0;
  return {
    show: (toast) => {
      const added = { ...toast, id: ++last, forMs: toast.forMs ?? usualTime(toast) };
      shown.update((toasts) => [...toasts, added].slice(-MOST));
    },
    dismiss: (id) => shown.update((toasts) => toasts.filter((toast) => toast.id !== id)),
    shown: readonly(shown),
  };
}

function usualTime({ tone, action }: Toast): number {
  if (tone === 'bad') return Number.POSITIVE_INFINITY;
  return action ? WITH_ACTION_FOR_MS : FOR_MS;
}

/** For the component that draws them, which stands around all that show any. */
export function provideToasts(): ToastQueue {
  return setContext(KEY, toastQueue());
}

/** The same for who mounts a component by hand: `localeContext(…)` and this go into one map. */
export function toastsContext(queue = toastQueue()): [symbol, ToastQueue] {
  return [KEY, queue];
}

export function useToasts(): ToastQueue {
  const queue = getContext<ToastQueue | undefined>(KEY);
  if (!queue) throw new Error('there are no <Toasts> around this component');
  return queue;
}
