import type { Story } from '../gallery/story';
import { stories as controls } from './stories/controls';
import { stories as dialogs } from './stories/dialogs';
import { stories as fields } from './stories/fields';
import { stories as figures } from './stories/figures';
import { stories as messages } from './stories/messages';
import { stories as tables } from './stories/tables';

export const stories: Story[] = [
  ...controls,
  ...dialogs,
  ...fields,
  ...figures,
  ...messages,
  ...tables,
];
