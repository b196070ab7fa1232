// The viewer of pictures and of documents' pages: zoom, move, rotate, another page. Without it the page shows the picture
// and links to the others.
import { gestures } from './gestures.js';

document.querySelectorAll('[data-pictures]').forEach(viewer);
document.querySelectorAll('[data-wait]').forEach(wait);

// wait opens the page again while a preview is being made, for a while and only when somebody looks.
function wait() {
  const at = new URL(location.href);
  const tries = Number(at.searchParams.get('try')) || 0;
  if (tries >= 10) return;
  setTimeout(() => {
    if (document.hidden) { wait(); return; }
    at.searchParams.set('try', tries + 1);
    location.replace(at);
  }, 3000);
}

function viewer(root) {
  const stage = root.querySelector('[data-stage]');
  const img = stage.querySelector('img');
  const line = root.querySelector('[data-page-text]');
  const pages = Number(root.dataset.pages);
  const { word, name, src } = root.dataset;
  const state = { page: Number(root.dataset.page), zoom: 1, x: 0, y: 0, turn: 0 };

  // place puts the picture in the middle of the stage, fitted, and then as it was zoomed, moved and turned.
  function place() {
    const w = img.naturalWidth;
    const h = img.naturalHeight;
    if (!w || !h) return;
    const aside = state.turn % 180 !== 0;
    const s = Math.min(stage.clientWidth / (aside ? h : w), stage.clientHeight / (aside ? w : h), 2) * state.zoom; // small ones not too coarse
    img.style.width = `${w}px`;
    img.style.height = `${h}px`;
    img.style.transform = `translate(${stage.clientWidth / 2 + state.x}px, ${stage.clientHeight / 2 + state.y}px) rotate(${state.turn}deg) scale(${s}) translate(${-w / 2}px, ${-h / 2}px)`;
    stage.dataset.zoom = state.zoom.toFixed(2);
    stage.dataset.turn = state.turn;
  }

  function zoom(k, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const to = Math.min(Math.max(state.zoom * k, 1), 20);
    k = to / state.zoom;
    const dx = x - stage.clientWidth / 2;
    const dy = y - stage.clientHeight / 2;
    state.x = dx - (dx - state.x) * k;
    state.y = dy - (dy - state.y) * k;
    state.zoom = to;
    if (to === 1) { state.x = 0; state.y = 0; }
    place();
  }

  function move(dx, dy) { state.x += dx; state.y += dy; place(); }
  function reset() { Object.assign(state, { zoom: 1, x: 0, y: 0, turn: 0 }); place(); }
  function turn() { state.turn = (state.turn + 90) % 360; place(); }

  // go shows another page of the file in the same place.
  function go(n) {
    if (n < 0 || n >= pages || n === state.page) return;
    state.page = n;
    stage.classList.add('busy');
    img.src = src + n;
    img.alt = `${name}, ${word} ${n + 1} of ${pages}`;
    if (line) line.textContent = `${word[0].toUpperCase()}${word.slice(1)} ${n + 1} of ${pages}`;
    for (const [act, to] of [['prev', n - 1], ['next', n + 1]]) buttons[act]?.toggleAttribute('disabled', to < 0 || to >= pages);
  }

  // the links to other pages become buttons, for both are wanted from here on
  const buttons = {};
  if (pages > 1) {
    const frames = root.querySelector('.frames');
    frames.querySelectorAll('a').forEach(a => a.remove());
    for (const [act, words] of [['prev', 'Previous'], ['next', 'Next']]) {
      const b = Object.assign(document.createElement('button'), { type: 'button', className: 'btn', textContent: `${words} ${word}` });
      b.dataset.do = act;
      buttons[act] = b;
      frames.append(b);
    }
    buttons.prev.disabled = state.page === 0;
    buttons.next.disabled = state.page === pages - 1;
  }

  img.draggable = false;
  img.addEventListener('load', () => { stage.classList.remove('busy'); place(); });
  gestures(stage, { drag: move, pinch(k, dx, dy, x, y) { move(dx, dy); zoom(k, x, y); } });
  stage.addEventListener('wheel', e => {
    if (!e.ctrlKey) return; // else the page scrolls
    e.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(Math.exp(-e.deltaY / 300), e.clientX - box.left, e.clientY - box.top);
  }, { passive: false });

  const acts = {
    '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: reset, r: turn, R: turn,
    ArrowLeft: () => move(40, 0), ArrowRight: () => move(-40, 0), ArrowUp: () => move(0, 40), ArrowDown: () => move(0, -40),
    PageUp: () => go(state.page - 1), PageDown: () => go(state.page + 1),
  };
  stage.addEventListener('keydown', e => {
    const act = acts[e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    act();
  });
  const does = { in: () => zoom(1.25), out: () => zoom(0.8), reset, turn, prev: () => go(state.page - 1), next: () => go(state.page + 1) };
  root.addEventListener('click', e => does[e.target.closest('[data-do]')?.dataset.do]?.());

  stage.classList.add('live');
  stage.tabIndex = 0;
  stage.setAttribute('role', 'group');
  stage.setAttribute('aria-label', 'Picture. Its keys are listed under Keys and gestures.');
  root.querySelectorAll('[data-tools]').forEach(t => { t.hidden = false; });
  root.querySelectorAll('[data-plain]').forEach(t => { t.hidden = true; });
  place();
  new ResizeObserver(place).observe(stage);
}
