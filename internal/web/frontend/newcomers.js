// The "New recipient" blocks: one for each address that nobody here knows. A hidden block is not sent.
const most = 20;

export function newcomers(form, several) {
  const more = form.querySelector('template[data-newcomer-more]');
  const all = () => [...form.querySelectorAll('[data-newcomer]')];
  const of = b => (b.querySelector('[data-for]')?.value ?? '').toLowerCase();
  const name = (b, address) => {
    const f = b.querySelector('[data-for]'), shown = b.querySelector('[data-of]');
    if (f) f.value = address;
    if (shown) shown.textContent = address;
  };
  const find = address => all().find(b => of(b) === address.toLowerCase());

  function open(b, address) {
    name(b, address);
    b.hidden = b.disabled = false;
  }
  function close(b) {
    b.hidden = b.disabled = true;
    name(b, '');
    if (several) b.querySelectorAll('input, select').forEach(x => { x.value = ''; }); // what was typed of one person is not another's
  }
  // add makes one more block, its fields numbered.
  function add() {
    const n = all().length + 1;
    if (n > most || !more) return null;
    const b = more.content.firstElementChild.cloneNode(true);
    for (const el of [b, ...b.querySelectorAll('*')]) {
      for (const a of ['id', 'name', 'for', 'aria-describedby']) if (el.hasAttribute(a)) el.setAttribute(a, el.getAttribute(a).replaceAll('_N', '_' + n));
    }
    all().at(-1).after(b);
    return b;
  }
  all().forEach(b => { b.disabled = b.hidden; });

  return {
    none: () => all().every(b => b.hidden),
    has: address => Boolean(find(address)),
    show(address) {
      const b = find(address) ?? all().find(x => !x.hidden && !of(x)) ?? all().find(x => x.hidden) ?? add();
      if (b) open(b, address);
    },
    // only shows one block, for a form with one recipient: what was typed stays when the address is corrected.
    only(address) { all().forEach((b, i) => (i ? close(b) : open(b, address))); },
    hide(address) { const b = find(address); if (b) close(b); },
    hideAll() { all().forEach(close); },
    rename(from, to) { const b = find(from); if (b) open(b, to); },
  };
}
