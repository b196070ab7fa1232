// Files of a message: checked here first, then sent a few at a time with progress, Pause and Cancel. The server checks
// everything again.
import { alive } from './session.js';
import { pace, transfer } from './upload.js';

// size writes bytes as the server does: powers of ten, one decimal where there is one.
const size = n => {
  if (n < 999500) return Math.max(1, Math.round(n / 1e3)) + ' KB';
  const unit = n < 999950000 ? [1e6, ' MB'] : [1e9, ' GB'];
  return Math.round(n / unit[0] * 10) / 10 + unit[1];
};
const ext = name => (name.includes('.') ? name.split('.').pop().toLowerCase() : '');
const look = 2000, atOnce = 3;

export function attachments(form, { on, setVersion, before, fields }) {
  const box = form.querySelector('[data-attach]'), pick = form.querySelector('input[type=file]');
  if (!box || !pick) return { busy: () => false, trouble: () => {} };
  const list = box.querySelector('[data-list]'), says = box.querySelector('[data-say-files]'), troubles = box.querySelector('[data-trouble]');
  const limit = Number(box.dataset.limit), types = new Set(box.dataset.types.split(' ').filter(Boolean));
  const queue = [], running = new Set(), begun = new Map(), icons = document.body.dataset.icons;
  let used = Number(box.dataset.used), timer, turn = Promise.resolve();

  // --- what the page shows

  const svg = name => {
    const s = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), u = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    s.setAttribute('class', 'icon'); s.setAttribute('aria-hidden', 'true'); s.setAttribute('width', 20); s.setAttribute('height', 20);
    u.setAttribute('href', `${icons}#${name}`);
    s.append(u);
    return s;
  };
  const span = (text, cls) => { const s = document.createElement('span'); s.textContent = text; if (cls) s.className = cls; return s; };
  const mark = f => { const s = span('', f.bad ? 'bad' : f.good ? 'good' : 'wait'); s.append(svg(f.bad ? 'triangle-alert' : f.good ? 'shield-check' : 'clock'), span(f.text)); return s; };
  const spent = n => {
    used += n;
    box.querySelector('[data-total]').textContent = `${used ? size(used) : '0 KB'} of ${size(limit)}`;
    box.querySelector('.total progress').value = used;
  };
  function trouble(sentences) {
    troubles.replaceChildren(...sentences.map(s => { const p = document.createElement('p'); p.className = 'err'; p.append(svg('triangle-alert'), span(s)); return p; }));
    if (!sentences.length) return;
    troubles.tabIndex = -1;
    troubles.setAttribute('role', 'alert');
    troubles.focus();
  }

  // --- choosing

  const names = () => [...list.querySelectorAll('.fn:not(.begun, .refused)')].map(e => e.textContent.toLowerCase());
  function refuse(f) {
    const left = limit - used;
    if (!f.size) return `${f.name} is empty`;
    if (types.size && !types.has(ext(f.name))) return `${f.name}: this file type is not accepted`;
    if (names().includes(f.name.toLowerCase())) return `${f.name} is already attached`;
    if (f.size > left) return `${f.name} is too large. All attachments together can be up to ${size(limit)}; ${left > 0 ? size(left) : '0 KB'} are left.`;
    return '';
  }
  function add(files) {
    const refused = [];
    for (const f of files) {
      const why = refuse(f);
      if (why) { refused.push(why); continue; }
      spent(f.size);
      const there = begun.get(f.name);
      if (there) { begun.delete(f.name); there.li.remove(); }
      queue.push(row(f, there?.size === f.size ? there.at : undefined));
    }
    trouble(refused);
    next();
  }
  // named gives a pasted picture a name of its own: browsers call each of them image.png.
  function named(f) {
    if (f.name !== 'image.png') return f;
    let n = 1;
    const taken = [...names(), ...queue.map(job => job.f.name.toLowerCase())];
    while (taken.includes(`pasted picture ${n}.png`)) n++;
    return new File([f], `Pasted picture ${n}.png`, { type: f.type });
  }
  // dropped reads files and whole folders.
  async function dropped(items) {
    const files = [];
    const walk = async entry => {
      if (entry.isFile) { files.push(await new Promise((ok, no) => entry.file(ok, no))); return; }
      const reader = entry.createReader();
      for (;;) {
        const more = await new Promise((ok, no) => reader.readEntries(ok, no));
        if (!more.length) return;
        for (const e of more) await walk(e);
      }
    };
    for (const e of items) await walk(e);
    return files;
  }
  function row(f, at) {
    const li = box.querySelector('[data-row]').content.firstElementChild.cloneNode(true);
    const job = { f, at, li, desc: li.querySelector('.fd'), bar: li.querySelector('progress'), button: li.querySelector('button:last-of-type'), hold: li.querySelector('[data-hold]') };
    li.querySelector('.fn').textContent = f.name;
    job.bar.setAttribute('aria-label', 'Upload of ' + f.name);
    job.button.setAttribute('aria-label', 'Cancel upload of ' + f.name);
    job.button.onclick = () => cancel(job);
    job.hold.setAttribute('aria-label', 'Pause upload of ' + f.name);
    job.hold.onclick = () => hold(job);
    list.append(li);
    return job;
  }
  function cancel(job) {
    const i = queue.indexOf(job);
    if (i >= 0) queue.splice(i, 1);
    job.cancelled = true;
    job.t?.cancel();
    job.li.remove();
    spent(-job.f.size);
    says.textContent = `Upload of ${job.f.name} cancelled`;
    pick.focus();
  }

  // --- sending

  async function next() {
    while (running.size < atOnce && queue.length) {
      const job = queue.shift();
      running.add(job);
      send(job).finally(() => { running.delete(job); next(); });
    }
  }
  async function send(job) {
    const earlier = turn;
    let began;
    turn = new Promise(r => { began = r; }); // they are begun one after the other, so that they stand as they were chosen
    await earlier;
    await before(); // the draft must be there before its files
    if (job.cancelled) { began(); return; }
    const { f } = job, speed = pace(f.size);
    let told = Date.now(), sent = 0;
    job.t = transfer(f, {
      start: form.dataset.upload, at: job.at, summer: document.body.dataset.sum, began: v => { setVersion(v); began(); },
      tell: now => {
        if (job.paused) return;
        if (now.gone) { job.desc.replaceChildren(span(`No connection. ${size(sent)} of ${size(f.size)} are there; it goes on by itself.`)); return; }
        sent = now.sent;
        const p = Math.floor(100 * sent / f.size), v = speed(sent);
        job.bar.value = p;
        job.desc.replaceChildren(span(p < 100 ? [`Uploading, ${p}% of ${size(f.size)}`, v && `${size(v.rate)} a second`, v && v.left > 3 && time(v.left)].filter(Boolean).join(', ') : 'Storing'));
        if (Date.now() - told > 60000) { told = Date.now(); alive(); }
      },
    });
    job.hold.hidden = false;
    try {
      const got = await job.t.done;
      if (got) attached(job, got);
    } catch (e) {
      broken(job, e.message);
    }
    began();
  }
  const time = s => (s < 60 ? `about ${Math.ceil(s / 10) * 10} seconds left` : s < 90 ? 'about 1 minute left' : `about ${Math.round(s / 60)} minutes left`);
  function hold(job) {
    job.paused = !job.paused;
    job.hold.textContent = job.paused ? 'Go on' : 'Pause';
    job.hold.setAttribute('aria-label', `${job.paused ? 'Go on with' : 'Pause'} upload of ${job.f.name}`);
    if (job.paused) { job.t.pause(); job.desc.replaceChildren(span('Paused')); } else job.t.go();
    says.textContent = `Upload of ${job.f.name} ${job.paused ? 'paused' : 'goes on'}`;
  }
  function attached({ li, desc, bar, button, hold: h }, got) {
    bar.remove(); h.remove();
    setVersion(got.version);
    alive();
    desc.replaceChildren(span([got.kind, size(got.size)].filter(Boolean).join(', ')), mark(got));
    li.querySelector('.icon use').setAttribute('href', `${icons}#${got.icon || 'file-text'}`);
    li.querySelector('.fn').textContent = got.name;
    const b = button.cloneNode(true);
    b.type = 'submit'; b.name = 'remove'; b.value = got.id; b.dataset.remove = '';
    b.setAttribute('aria-label', 'Remove ' + got.name);
    button.replaceWith(b);
    says.textContent = got.name + ' attached';
    watch();
  }
  // broken says why a file is not attached. What has arrived stays for a day: the same file goes on there.
  function broken(job, text) {
    const { f, li, desc, bar, button, hold: h } = job;
    spent(-f.size);
    desc.replaceChildren(mark({ bad: true, text }));
    bar.hidden = true;
    li.querySelector('.fn').className = 'fn refused';
    h.hidden = false; h.textContent = 'Retry';
    h.setAttribute('aria-label', 'Retry upload of ' + f.name);
    const gone = () => { li.remove(); pick.focus(); };
    h.onclick = () => { gone(); unfinished().then(() => add([f])); };
    button.setAttribute('aria-label', 'Dismiss ' + f.name);
    button.onclick = () => { job.t?.cancel(); gone(); };
    says.textContent = text;
  }

  // --- what was not finished before the page was opened

  async function unfinished() {
    const r = await fetch(form.dataset.files.replace(/files$/, 'uploads'), { headers: { Accept: 'application/json', 'X-Background': '1' } }).catch(() => null);
    for (const u of r?.ok ? await r.json() : []) {
      if (begun.has(u.name) || names().includes(u.name.toLowerCase())) continue;
      const li = box.querySelector('[data-row]').content.firstElementChild.cloneNode(true), bar = li.querySelector('progress');
      li.querySelector('.fn').textContent = u.name;
      li.querySelector('.fd').replaceChildren(span(`${size(u.received)} of ${size(u.size)} are there. Attach the file again to go on.`));
      li.querySelector('.fn').className = 'fn begun';
      bar.value = Math.floor(100 * u.received / u.size);
      bar.setAttribute('aria-label', 'Arrived of ' + u.name);
      const b = li.querySelector('button:last-of-type');
      b.setAttribute('aria-label', 'Cancel upload of ' + u.name);
      b.onclick = () => { fetch(u.at, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } }); begun.delete(u.name); li.remove(); pick.focus(); };
      list.append(li);
      begun.set(u.name, { ...u, li });
    }
  }

  // --- removing: the form's own button, without leaving the page

  async function remove(button) {
    const li = button.closest('li'), name = li.querySelector('.fn').textContent, body = fields();
    body.set('remove', button.value);
    button.disabled = true;
    const r = await fetch(form.getAttribute('action'), { method: 'POST', body, headers: { Accept: 'text/html' } }).catch(() => null);
    const page = r?.ok && new DOMParser().parseFromString(await r.text(), 'text/html');
    if (!page || [...page.querySelectorAll('[data-remove]')].some(b => b.value === button.value)) {
      button.disabled = false;
      trouble([`${name} could not be removed. Check your connection, then try again.`]);
      return;
    }
    setVersion(page.querySelector('form[data-compose] [name=version]')?.value);
    const now = page.querySelector('[data-attach]')?.dataset.used;
    if (now !== undefined) spent(Number(now) - used + pending());
    li.remove();
    says.textContent = name + ' removed';
    pick.focus();
  }
  const pending = () => [...running, ...queue].reduce((n, job) => n + job.f.size, 0);
  on(list, 'click', e => {
    const b = e.target.closest('button[data-remove]');
    if (b) { e.preventDefault(); remove(b); }
  });

  // --- what became of the check for malware

  function watch() {
    clearTimeout(timer);
    if (form.dataset.files && form.isConnected && list.querySelector('.wait')) timer = setTimeout(check, look);
  }
  async function check() {
    const r = await fetch(form.dataset.files, { headers: { Accept: 'application/json', 'X-Background': '1' } }).catch(() => null);
    if (r?.ok) {
      for (const f of await r.json()) {
        const b = [...list.querySelectorAll('button[data-remove]')].find(x => x.value === f.id), old = b?.closest('li').querySelector('.wait');
        if (!old || !f.good && !f.bad && old.textContent === f.text) continue;
        old.replaceWith(mark(f));
        if (f.bad) says.textContent = `${b.closest('li').querySelector('.fn').textContent}: ${f.text}`;
      }
    }
    watch();
  }
  watch();

  on(pick, 'change', () => { add([...pick.files]); pick.value = ''; });
  on(form, 'dragover', e => { if ([...e.dataTransfer.types].includes('Files')) { e.preventDefault(); form.classList.add('dropping'); } });
  on(form, 'dragleave', e => { if (!form.contains(e.relatedTarget)) form.classList.remove('dropping'); });
  on(form, 'drop', e => { form.classList.remove('dropping'); if (!e.dataTransfer.files.length) return; e.preventDefault(); const plain = [...e.dataTransfer.files], entries = [...e.dataTransfer.items].map(i => i.webkitGetAsEntry?.()).filter(Boolean); entries.length ? dropped(entries).then(add, () => add(plain)) : add(plain); });
  on(form, 'paste', e => { const got = [...e.clipboardData.files]; if (got.length) { e.preventDefault(); add(got.map(named)); } });
  if (form.dataset.files && form.dataset.upload && Number(form.elements.namedItem('version')?.value)) unfinished();
  return { busy: () => running.size + queue.length > 0, trouble };
}
