// The viewer of DICOM pictures. The server sends each frame's numbers as a picture (the high byte in red, the low byte in
// green); window and level turn them into greys here. Every frame is checked by its sum, for some browsers change what
// a page reads of a picture: then the pictures that the server made are shown instead.
import { gestures } from './gestures.js';

const KEPT = 96e6; // bytes of frames that are kept in memory

document.querySelectorAll('[data-dicom]').forEach(root => {
  const info = JSON.parse(root.dataset.dicom);
  if (info.shown > 0 && window.createImageBitmap) viewer(root, info);
});

function viewer(root, info) {
  const stage = root.querySelector('[data-stage]');
  const img = stage.querySelector('img');
  const said = root.querySelector('[data-said]');
  const $ = name => root.querySelector(`[data-${name}]`);
  const button = name => root.querySelector(`[data-do="${name}"]`);
  const { width: w, height: h } = info;
  const aspect = info.aspect > 0 ? info.aspect : 1;

  const canvas = document.createElement('canvas');
  canvas.width = w;
  canvas.height = h;
  const paint = canvas.getContext('2d');
  if (!paint) return;
  const state = { frame: Number(root.dataset.frame), preset: 0, invert: Boolean(info.invert), zoom: 1, x: 0, y: 0, plain: Boolean(info.color), playing: 0 };
  const frames = new Map(); // what was loaded, the last used at the end

  const say = text => { said.textContent = text; };

  // --- frames ---

  async function bitmap(address, exact) {
    const answer = await fetch(address, { credentials: 'same-origin' });
    if (!answer.ok) throw new Error(String(answer.status));
    const blob = await answer.blob();
    if (!exact) return createImageBitmap(blob);
    try {
      return await createImageBitmap(blob, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
    } catch {
      return createImageBitmap(blob); // a browser that knows no options
    }
  }

  // numbers reads a raw frame; null when the browser does not give them as they are.
  async function numbers(n) {
    const b = await bitmap(root.dataset.raw + n, true);
    const side = document.createElement('canvas');
    side.width = w;
    side.height = h;
    const ctx = side.getContext('2d', { willReadFrequently: true });
    ctx.drawImage(b, 0, 0);
    b.close();
    const px = ctx.getImageData(0, 0, w, h).data;
    const out = new Uint16Array(w * h);
    let sum = 0;
    for (let i = 0, p = 0; i < out.length; i++, p += 4) {
      const v = px[p] << 8 | px[p + 1];
      out[i] = v;
      sum = (sum + v) >>> 0;
    }
    return sum === info.raw[n].sum ? out : null;
  }

  function keep(n, f) {
    frames.delete(n);
    frames.set(n, f);
    const most = Math.max(2, Math.floor(KEPT / (w * h * 4)));
    for (const [k, old] of frames) {
      if (frames.size <= most) break;
      old.close?.();
      frames.delete(k);
    }
    return f;
  }

  async function load(n) {
    if (frames.has(n)) return keep(n, frames.get(n));
    if (!state.plain) {
      const f = await numbers(n);
      if (f) return keep(n, f);
      state.plain = true;
      stop();
      $('window').hidden = true;
      say('Your browser changes pictures that a page reads, as a protection. Level and window are off; the picture is shown as the file asks for it.');
    }
    return keep(n, await bitmap(root.dataset.page + n, false));
  }

  // --- window and level ---

  const range = Math.max(info.max - info.min, 1e-9);
  const fine = range < 20 ? range / 1000 : 1;
  const slider = (el, min, max) => { el.min = min; el.max = max; el.step = fine; };
  const level = $('level');
  const width = $('width');
  const number = v => (fine < 1 ? v.toPrecision(4) : String(Math.round(v))) + (info.unit ? ' ' + info.unit : '');

  function preset(i) {
    state.preset = i;
    state.center = info.windows[i].center;
    state.width = info.windows[i].width;
  }

  if (!state.plain) {
    preset(0);
    const centers = info.windows.map(v => v.center);
    const widths = info.windows.map(v => v.width);
    slider(level, Math.min(info.min, ...centers), Math.max(info.max, ...centers));
    slider(width, fine, Math.max(range * 1.5, ...widths));
    level.addEventListener('input', () => own(Number(level.value), state.width));
    width.addEventListener('input', () => own(state.center, Number(width.value)));
    $('preset').addEventListener('change', e => { preset(Number(e.target.value)); draw(); });
  }

  function own(center, wide) {
    if (state.plain) return;
    state.center = Math.min(Math.max(center, Number(level.min)), Number(level.max));
    state.width = Math.min(Math.max(wide, Number(width.min)), Number(width.max));
    state.preset = -1;
    draw();
  }

  // shades is the grey of every number: the linear function of the standard (PS3.3 C.11.2.1.2).
  const table = new Uint32Array(65536);
  function shades({ slope, intercept }) {
    const exact = state.width < 1;
    const c = exact ? state.center : state.center - 0.5;
    const wide = exact ? state.width : state.width - 1;
    const flip = state.invert ? 255 : 0;
    for (let v = 0; v < 65536; v++) {
      const x = v * slope + intercept;
      let g = x <= c - wide / 2 ? 0 : x > c + wide / 2 ? 255 : Math.round(((x - c) / wide + 0.5) * 255);
      g = Math.abs(flip - g);
      table[v] = 0xff000000 | g << 16 | g << 8 | g;
    }
    return table;
  }

  const picture = paint.createImageData(w, h);
  const pixels = new Uint32Array(picture.data.buffer);
  let waiting = 0;

  function draw() {
    if (waiting) return;
    waiting = requestAnimationFrame(() => { waiting = 0; now(); });
  }

  function now() {
    const f = frames.get(state.frame);
    if (!f) return;
    if (f instanceof Uint16Array) {
      const t = shades(info.raw[state.frame]);
      for (let i = 0; i < f.length; i++) pixels[i] = t[f[i]];
      paint.putImageData(picture, 0, 0);
    } else {
      paint.drawImage(f, 0, 0, w, h);
    }
    stage.dataset.drawn = state.frame;
    tell();
  }

  function tell() {
    if (!state.plain) {
      level.value = state.center;
      width.value = state.width;
      $('level-text').textContent = number(state.center);
      $('width-text').textContent = number(state.width);
      level.setAttribute('aria-valuetext', number(state.center));
      width.setAttribute('aria-valuetext', number(state.width));
      $('preset').value = state.preset < 0 ? 'own' : String(state.preset);
      button('invert').setAttribute('aria-pressed', String(state.invert !== Boolean(info.invert)));
    }
    if (info.shown > 1) {
      const text = `${state.frame + 1} of ${info.shown}`;
      $('frames').value = state.frame + 1;
      $('frames').setAttribute('aria-valuetext', text);
      $('frame-text').textContent = text;
      canvas.setAttribute('aria-label', img.alt.replace(/, frame .*/, '') + ', frame ' + text);
    }
  }

  // go shows a frame. While one is loading, only the last that was asked for comes after it.
  let wanted = state.frame;
  let loading = false;
  async function go(n) {
    wanted = Math.min(Math.max(n, 0), info.shown - 1);
    if (loading) return true;
    loading = true;
    try {
      do {
        const next = wanted;
        await load(next);
        state.frame = next;
        now();
      } while (state.frame !== wanted);
      return true;
    } catch {
      stop();
      say(`Frame ${wanted + 1} could not be loaded. Check your connection and try again.`);
      wanted = state.frame;
      tell();
      return false;
    } finally {
      loading = false;
    }
  }

  // --- playing ---

  const pause = Math.min(Math.max(info.frameMs || 100, 33), 2000);
  function stop() {
    clearTimeout(state.playing);
    state.playing = 0;
    const b = button('play');
    if (b) { b.textContent = 'Play'; b.setAttribute('aria-pressed', 'false'); }
  }
  function play() {
    if (state.playing) { stop(); return; }
    const b = button('play');
    b.textContent = 'Pause';
    b.setAttribute('aria-pressed', 'true');
    const next = async () => {
      const begin = performance.now();
      if (await go((state.frame + 1) % info.shown) && state.playing) state.playing = setTimeout(next, Math.max(0, pause - (performance.now() - begin)));
    };
    state.playing = setTimeout(next, pause);
  }

  // --- zoom and place ---

  function place() {
    const fit = Math.min(stage.clientWidth / w, stage.clientHeight / (h * aspect));
    const s = fit * state.zoom;
    const spareX = Math.abs(stage.clientWidth - w * s) / 2;
    const spareY = Math.abs(stage.clientHeight - h * aspect * s) / 2;
    state.x = Math.min(Math.max(state.x, -spareX), spareX);
    state.y = Math.min(Math.max(state.y, -spareY), spareY);
    const left = (stage.clientWidth - w * s) / 2 + state.x;
    const top = (stage.clientHeight - h * aspect * s) / 2 + state.y;
    canvas.style.transform = `translate(${left}px, ${top}px) scale(${s}, ${s * aspect})`;
    stage.dataset.zoom = state.zoom.toFixed(2);
  }

  function zoom(k, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const to = Math.min(Math.max(state.zoom * k, 1), 20);
    k = to / state.zoom;
    const dx = x - stage.clientWidth / 2;
    const dy = y - stage.clientHeight / 2;
    state.x = dx - (dx - state.x) * k;
    state.y = dy - (dy - state.y) * k;
    state.zoom = to;
    place();
  }

  function move(dx, dy) { state.x += dx; state.y += dy; place(); }

  function reset() {
    Object.assign(state, { zoom: 1, x: 0, y: 0, invert: Boolean(info.invert) });
    if (!state.plain) preset(0);
    place();
    draw();
  }

  function invert() {
    if (state.plain) return;
    state.invert = !state.invert;
    draw();
  }

  gestures(stage, {
    drag(dx, dy, e) {
      if (state.plain || e.shiftKey || e.buttons === 4) move(dx, dy);
      else own(state.center + dy * range / 500, state.width + dx * range / 500);
    },
    pinch(k, dx, dy, x, y) { move(dx, dy); zoom(k, x, y); },
  });

  stage.addEventListener('wheel', e => {
    if (!e.ctrlKey) return; // else the page scrolls
    e.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(Math.exp(-e.deltaY / 300), e.clientX - box.left, e.clientY - box.top);
  }, { passive: false });

  const step = range / 50;
  const acts = {
    ArrowLeft: () => go(state.frame - 1), ArrowRight: () => go(state.frame + 1),
    ArrowUp: () => own(state.center - step, state.width), ArrowDown: () => own(state.center + step, state.width),
    PageUp: () => own(state.center, state.width + step), PageDown: () => own(state.center, state.width - step),
    '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: reset, i: invert, I: invert,
    ' ': () => { if (info.shown > 1) play(); },
  };
  const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  stage.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const act = e.shiftKey && moves[e.key] ? () => move(...moves[e.key]) : acts[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    if (e.key.startsWith('Arrow') && state.playing) stop();
    act();
  });

  const does = { in: () => zoom(1.25), out: () => zoom(0.8), reset, invert, play, prev: () => { stop(); go(state.frame - 1); }, next: () => { stop(); go(state.frame + 1); } };
  root.addEventListener('click', e => does[e.target.closest('[data-do]')?.dataset.do]?.());
  $('frames')?.addEventListener('input', e => { stop(); go(Number(e.target.value) - 1); });

  // --- begin: the server's picture stands until the first frame is there ---

  load(state.frame).then(() => {
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', img.alt);
    stage.append(canvas);
    stage.classList.add('live');
    stage.tabIndex = 0;
    stage.setAttribute('role', 'group');
    stage.setAttribute('aria-label', 'Picture. Its keys are listed under Keys and gestures.');
    root.querySelectorAll('[data-tools]').forEach(t => { t.hidden = false; });
    root.querySelectorAll('[data-plain]').forEach(t => { t.hidden = true; });
    place();
    now();
    new ResizeObserver(place).observe(stage);
    if (!said.textContent) say('');
  }).catch(() => say('The picture could not be loaded for changes. What you see is the picture as the file asks for it.'));
}
