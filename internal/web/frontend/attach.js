// Files of a message: checked here first, then sent one by one with progress and Cancel (XMLHttpRequest, because fetch
// tells no upload progress). The server checks everything again.
import { alive } from './session.js';

// size writes bytes as the server does: powers of ten, one decimal where there is one.
const size = n => {
  if (n < 999500) return Math.max(1, Math.round(n / 1e3)) + ' KB';
  const unit = n < 999950000 ? [1e6, ' MB'] : [1e9, ' GB'];
  return Math.round(n / unit[0] * 10) / 10 + unit[1];
};
const ext = name => (name.includes('.') ? name.split('.').pop().toLowerCase() : '');
const look = 2000;

export function attachments(form, { on, setVersion, before, fields }) {
  const box = form.querySelector('[data-attach]'), pick = form.querySelector('input[type=file]');
  if (!box || !pick) return { busy: () => false, trouble: () => {} };
  const list = box.querySelector('[data-list]'), says = box.querySelector('[data-say-files]'), troubles = box.querySelector('[data-trouble]');
  const limit = Number(box.dataset.limit), types = new Set(box.dataset.types.split(' ').filter(Boolean));
  const queue = [], icons = document.body.dataset.icons;
  let used = Number(box.dataset.used), current, timer;

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

  const names = () => [...list.querySelectorAll('.fn')].map(e => e.textContent.toLowerCase());
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
      queue.push(row(f));
    }
    trouble(refused);
    next();
  }
  function row(f) {
    const li = box.querySelector('[data-row]').content.firstElementChild.cloneNode(true);
    const job = { f, li, desc: li.querySelector('.fd'), bar: li.querySelector('progress'), button: li.querySelector('button') };
    li.querySelector('.fn').textContent = f.name;
    job.bar.setAttribute('aria-label', 'Upload of ' + f.name);
    job.button.setAttribute('aria-label', 'Cancel upload of ' + f.name);
    job.button.onclick = () => cancel(job);
    list.append(li);
    return job;
  }
  function cancel(job) {
    const i = queue.indexOf(job);
    if (i >= 0) queue.splice(i, 1);
    job.cancelled = true;
    job.x?.abort();
    job.li.remove();
    spent(-job.f.size);
    says.textContent = `Upload of ${job.f.name} cancelled`;
    pick.focus();
  }

  // --- sending

  async function next() {
    if (current || !queue.length) return;
    const job = current = queue.shift();
    await before(); // the draft must be there before its files
    if (!job.cancelled) await upload(job);
    current = undefined;
    next();
  }
  function upload(job) {
    const x = job.x = new XMLHttpRequest(), body = new FormData();
    let told = Date.now();
    body.append('id', form.elements.namedItem('id').value);
    body.append('file', job.f, job.f.name);
    x.upload.onprogress = e => {
      const p = Math.floor(100 * e.loaded / e.total);
      job.bar.value = p;
      job.desc.replaceChildren(span(p < 100 ? `Uploading, ${p}% of ${size(job.f.size)}` : 'Storing'));
      if (Date.now() - told > 60000) { told = Date.now(); alive(); }
    };
    const over = new Promise(done => { x.onloadend = done; });
    x.open('POST', form.dataset.upload);
    x.setRequestHeader('Accept', 'application/json');
    x.responseType = 'json';
    x.send(body);
    return over.then(() => { if (!job.cancelled) finish(job, x); });
  }
  function finish(job, x) {
    const { li, f, button } = job;
    job.bar.remove();
    if (x.status === 200 && x.response) {
      const got = x.response;
      setVersion(got.version);
      alive();
      job.desc.replaceChildren(span([got.kind, size(got.size)].filter(Boolean).join(', ')), mark(got));
      li.querySelector('.icon use').setAttribute('href', `${icons}#${got.icon || 'file-text'}`);
      li.querySelector('.fn').textContent = got.name;
      const b = button.cloneNode(true);
      b.type = 'submit'; b.name = 'remove'; b.value = got.id; b.dataset.remove = '';
      b.setAttribute('aria-label', 'Remove ' + got.name);
      button.replaceWith(b);
      says.textContent = got.name + ' attached';
      watch();
      return;
    }
    spent(-f.size);
    const text = x.response?.error ?? `Upload of ${f.name} failed. Check your connection, then attach it again.`;
    job.desc.replaceChildren(mark({ bad: true, text }));
    li.querySelector('.fn').className = 'fn refused';
    li.querySelector('.fn').textContent = f.name;
    button.setAttribute('aria-label', 'Dismiss ' + f.name);
    button.onclick = () => { li.remove(); pick.focus(); };
    says.textContent = text;
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
  const pending = () => [current, ...queue].reduce((n, job) => n + (job ? job.f.size : 0), 0);
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
  on(form, 'drop', e => { form.classList.remove('dropping'); if (e.dataTransfer.files.length) { e.preventDefault(); add([...e.dataTransfer.files]); } });
  return { busy: () => Boolean(current || queue.length), trouble };
}
