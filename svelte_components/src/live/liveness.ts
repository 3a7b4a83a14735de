/** Whether the figures on the screen are those of the last half minute. */
export type Liveness = 'live' | 'paused';
