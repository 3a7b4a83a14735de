/** A tab built like its neighbour: the same elements and classes, with our icon and label. */
import type { Mount } from './mounts';

const SVG = 'http://www.w3.org/2000/svg';

export interface TabParts {
  tab: HTMLElement;
  label: Element;
}

/** Fills a bare button or link after the model. */
export function dress(tab: HTMLElement, mount: Mount, model: Element | undefined): TabParts {
  tab.id = mount.tabId;
  const svg = icon(mount.icon, model?.querySelector('svg')?.getAttribute('class') ?? 'size-3.5');
  const frame = model?.firstElementChild;
  if (frame && frame.tagName !== 'svg') {
    const copy = frame.cloneNode(false) as Element;
    copy.append(svg);
    tab.append(copy);
  } else {
    tab.append(svg);
  }
  const label = (model?.lastElementChild?.cloneNode(false) ??
    document.createElement('span')) as Element;
  tab.append(label);
  return { tab, label };
}

export function setLabel(label: Element, text: string): void {
  if (label.textContent !== text) label.textContent = text;
}

export function setClass(tab: HTMLElement, className: string): void {
  if (tab.className !== className) tab.className = className;
}

export function setAttribute(tab: HTMLElement, name: string, value: string): void {
  if (tab.getAttribute(name) !== value) tab.setAttribute(name, value);
}

function icon(drawing: string, className: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  const look = {
    class: className,
    viewBox: '0 0 24 24',
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': '2',
    'stroke-linecap': 'round',
    'stroke-linejoin': 'round',
    'aria-hidden': 'true',
  };
  for (const [name, value] of Object.entries(look)) svg.setAttribute(name, value);
  path.setAttribute('d', drawing);
  svg.append(path);
  return svg;
}
