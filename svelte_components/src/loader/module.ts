import { moduleLoader } from '../assets/modules';
import { config } from './config';

export const loadModule = moduleLoader(config);
