// The contacts dialog of Compose: find, choose, and be back where one was. Without scripts the button leads to a page.
export function contacts(form, on, choose) {
  const dialog = document.querySelector('dialog[data-contacts]'), opener = form.querySelector('button[name=do][value=contacts]');
  if (!dialog?.showModal || !opener) return;
  const q = dialog.querySelector('input[type=search]'), list = dialog.querySelector('[data-choices]'), says = dialog.querySelector('[data-choices-say]');
  const wait = 200;
  let timer, asked = 0;

  function row(person) {
    const li = document.createElement('li'), b = document.createElement('button'), name = document.createElement('b'), more = document.createElement('span');
    b.type = 'button';
    name.textContent = person.name;
    more.textContent = [person.org, person.email].filter(Boolean).join(', ');
    b.append(name, more);
    on(b, 'click', () => { dialog.close(); choose(person); });
    li.append(b);
    return li;
  }
  async function find() {
    const n = ++asked;
    const r = await fetch(dialog.dataset.contacts + '?q=' + encodeURIComponent(q.value), { headers: { Accept: 'application/json' } }).catch(() => null);
    if (n !== asked) return;
    if (!r?.ok) { says.textContent = 'Contacts could not be read. Try again.'; return; }
    const found = await r.json();
    if (n !== asked) return;
    const at = [...list.children].findIndex(li => li.contains(document.activeElement)); // an answer takes nobody's focus away
    list.replaceChildren(...found.contacts.map(row));
    if (at >= 0) (list.children[Math.min(at, list.children.length - 1)]?.firstElementChild ?? q).focus();
    says.textContent = !found.contacts.length ? 'No contact matches.' : found.more ? 'There are more. Type a name to find them.' : found.contacts.length === 1 ? '1 contact' : found.contacts.length + ' contacts';
  }
  on(opener, 'click', e => { e.preventDefault(); q.value = ''; list.replaceChildren(); says.textContent = ''; dialog.showModal(); q.focus(); find(); });
  on(dialog.querySelector('[data-close]'), 'click', () => dialog.close());
  on(dialog, 'click', e => { if (e.target === dialog) dialog.close(); }); // beside it
  on(dialog, 'close', () => opener.focus());
  on(q, 'input', () => { clearTimeout(timer); timer = setTimeout(find, wait); });
  on(dialog, 'keydown', e => {
    const rows = [...list.querySelectorAll('button')], i = rows.indexOf(document.activeElement);
    if (e.key === 'Enter' && e.target === q && rows.length === 1) { e.preventDefault(); rows[0].click(); }
    if (e.key === 'ArrowDown' && rows.length) { e.preventDefault(); rows[Math.min(i + 1, rows.length - 1)].focus(); }
    if (e.key === 'ArrowUp' && i >= 0) { e.preventDefault(); (rows[i - 1] ?? q).focus(); }
  });
}
