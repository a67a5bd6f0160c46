// Dark or light: what the system prefers, until the button is pressed. `changed` is called with each, the first time at once.
import { $ } from './dom.js';

export function theme(changed) {
  const preferred = matchMedia('(prefers-color-scheme: light)');
  let chosen = null;
  const set = (name) => {
    document.documentElement.dataset.theme = name;
    const dark = name === 'dark';
    $('#theme').textContent = dark ? '☀' : '☾';
    $('#theme').setAttribute('aria-label', dark ? 'Light colours' : 'Dark colours');
    changed();
  };
  $('#theme').addEventListener('click', () => set(chosen = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
  preferred.addEventListener('change', () => chosen ?? set(preferred.matches ? 'light' : 'dark'));
  set(preferred.matches ? 'light' : 'dark');
}
