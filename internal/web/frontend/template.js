// Ready texts: a dialog with search that inserts one where the cursor is, with the recipient's names filled in.

// insert puts a text at the cursor and tells the form that it was typed.
function insert(area, text) {
  area.focus();
  area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
  area.dispatchEvent(new Event('input', { bubbles: true }));
}

// templates takes the place of the list and the button that browsers without scripts get.
export function templates(box) {
  const form = box.closest('form'), area = form?.elements.namedItem('body');
  if (!area) return;
  const open = document.createElement('button');
  open.type = 'button'; open.className = 'btn quiet flush'; open.textContent = 'Insert template';
  box.replaceChildren(open);
  const value = name => form.elements.namedItem(name)?.value ?? '';
  open.addEventListener('click', async () => {
    open.disabled = true;
    const r = await fetch(box.dataset.templates, {
      method: 'POST', body: JSON.stringify({ thread: value('thread'), to: value('to'), first_name: value('first_name'), last_name: value('last_name') }),
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    }).catch(() => null);
    open.disabled = false;
    if (r?.ok) choose(await r.json(), open, text => insert(area, text));
    else open.textContent = 'Insert template. Not reached: try again';
  });
}

// choose shows the templates; what is typed narrows them, Enter takes the first.
function choose(list, opener, use) {
  const d = document.createElement('dialog'), h = document.createElement('h2'), label = document.createElement('label'), search = document.createElement('input');
  const ul = document.createElement('ul'), none = document.createElement('p'), row = document.createElement('div'), no = document.createElement('button');
  let chosen;
  h.textContent = 'Insert template'; h.id = 'templates-h';
  d.className = 'pick-text';
  d.setAttribute('aria-labelledby', h.id);
  label.textContent = 'Find a template'; label.htmlFor = search.id = 'templates-q';
  search.type = 'search'; search.autocomplete = 'off';
  ul.setAttribute('role', 'list');
  none.className = 'hint'; none.setAttribute('role', 'status');
  no.type = 'button'; no.className = 'btn'; no.textContent = 'Cancel';
  row.className = 'row';
  row.append(no);
  const take = t => { chosen = t; d.close(); };
  for (const t of list) {
    const li = document.createElement('li'), b = document.createElement('button'), name = document.createElement('b'), text = document.createElement('span');
    b.type = 'button'; b.className = 'btn quiet';
    name.textContent = t.title; text.textContent = t.text.replace(/\s+/g, ' ').slice(0, 140);
    b.append(name, text);
    b.addEventListener('click', () => take(t));
    li.append(b);
    ul.append(li);
  }
  const narrow = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = list.filter((t, i) => !(ul.children[i].hidden = !words.every(w => (t.title + ' ' + t.text).toLowerCase().includes(w))));
    none.textContent = hits.length ? '' : list.length ? 'No template matches.' : 'No templates yet.';
    return hits;
  };
  search.addEventListener('input', narrow);
  search.addEventListener('keydown', e => { if (e.key === 'Enter') { e.preventDefault(); const [t] = narrow(); if (t) take(t); } });
  no.addEventListener('click', () => d.close());
  d.addEventListener('close', () => { d.remove(); if (chosen) use(chosen.text); else opener.focus(); });
  d.append(h, label, search, none, ul, row);
  document.body.append(d);
  d.showModal();
  narrow();
  search.focus();
}

// places are buttons that write what a template leaves open.
export function places(box) {
  const area = box.closest('form')?.elements.namedItem('body');
  if (!area) return;
  box.hidden = false;
  box.querySelectorAll('[data-place]').forEach(b => b.addEventListener('click', () => insert(area, b.dataset.place)));
}
