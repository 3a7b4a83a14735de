import charts from './charts.json';
import ui from './ui.json';
import usage from './usage.json';

export default { ...ui, ...charts, ...usage };
