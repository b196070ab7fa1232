// Several recipients as chips. The plain field keeps what is sent; what is typed becomes a chip at a comma, semicolon,
// Enter, or when the field is left. Backspace in the empty field goes to the last chip; there, Backspace, Delete and Enter
// remove it, and the arrow keys move.
import { note, words } from './known.js';

const parts = text => text.split(/[,;\n\r]+/).map(x => x.trim()).filter(Boolean).flatMap(x => {
  const inner = /<([^<>]+)>$/.exec(x), several = x.split(/\s+/);
  return inner ? [inner[1].trim()] : several.length > 1 && several.every(w => w.includes('@')) ? several : [x];
});

export function chips(form, store, { on, lookUp, blocks }) {
  const box = document.createElement('div'), list = document.createElement('ul'), input = document.createElement('input');
  const most = Number(form.dataset.most), icons = document.body.dataset.icons;
  const people = []; // { value, li, who }
  box.className = 'chips';
  list.setAttribute('role', 'list');
  list.setAttribute('aria-label', 'Recipients');
  for (const a of ['aria-describedby', 'aria-invalid', 'inputmode', 'autocomplete', 'spellcheck']) if (store.hasAttribute(a)) input.setAttribute(a, store.getAttribute(a));
  input.id = 'to';
  store.id = 'to-all';
  store.hidden = true;
  box.append(list, input);
  store.after(box);
  const line = note(box);

  const same = (a, b) => a.toLowerCase() === b.toLowerCase();
  function keep(typed = true) {
    store.value = [...people.map(p => p.value), ...parts(input.value)].join(', ');
    if (typed) store.dispatchEvent(new Event('input', { bubbles: true }));
  }
  function draw(p) {
    const text = document.createElement('span'), b = document.createElement('button'), name = p.who?.known || p.who?.invited ? p.who.name : p.value;
    text.textContent = name;
    p.li.className = 'chip' + (p.who?.new ? ' new' : '') + (p.who?.wrong ? ' wrong' : '');
    const extra = document.createElement('span');
    extra.className = 'org';
    extra.textContent = p.who?.wrong ? 'Not an address' : p.who?.new ? 'New' : p.who?.invited ? 'Invited' : p.who?.practice ?? '';
    b.type = 'button';
    b.setAttribute('aria-label', 'Remove ' + name);
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.setAttribute('class', 'icon'); svg.setAttribute('aria-hidden', 'true'); use.setAttribute('href', `${icons}#x`);
    svg.append(use);
    b.append(svg);
    on(b, 'click', () => remove(p));
    const focused = p.li.contains(document.activeElement);
    p.li.replaceChildren(text, ' ', extra, b);
    if (focused) b.focus();
  }
  async function ask(p) {
    const value = p.value;
    const who = await lookUp(value);
    if (!who || !people.includes(p) || p.value !== value) return;
    p.who = who;
    draw(p);
    if (who.new) blocks.show(value); else blocks.hide(value);
    if (who.wrong) line.textContent = `${value}: enter a valid email address`;
    else if (!who.known) line.textContent = `${value}: ${words(who)}`;
    else line.textContent = words(who);
    if (who.meant) field.doubts.show(value, who.meant);
  }
  function add(value, who) {
    if (people.some(p => same(p.value, value))) { line.textContent = `${value} is a recipient already`; return; }
    const p = { value, who, li: document.createElement('li') };
    people.push(p);
    list.append(p.li);
    draw(p);
    if (people.length > most) line.textContent = `Choose ${most} recipients or fewer. You have entered ${people.length}.`;
    else if (!who) ask(p);
  }
  function remove(p) {
    const i = people.indexOf(p);
    if (i < 0) return;
    people.splice(i, 1);
    p.li.remove();
    blocks.hide(p.value);
    field.doubts.drop(p.value);
    line.textContent = `${p.who?.name ?? p.value} removed`;
    keep();
    (people[i]?.li.querySelector('button') ?? input).focus();
  }
  function take() {
    const typed = parts(input.value);
    if (!typed.length) return;
    input.value = '';
    typed.forEach(v => add(v));
    keep();
  }

  on(input, 'input', e => {
    e.stopPropagation();
    if (/[,;]/.test(input.value)) take(); else keep();
  });
  on(input, 'change', e => e.stopPropagation());
  on(input, 'blur', take);
  on(input, 'paste', e => {
    const text = e.clipboardData?.getData('text') ?? '';
    if (!/[,;\n\r]/.test(text)) return;
    e.preventDefault();
    input.value += (input.value ? ', ' : '') + text.replace(/[\n\r]+/g, ', ');
    take();
  });
  on(input, 'keydown', e => {
    if (e.key === 'Enter' && !e.ctrlKey && !e.metaKey) { e.preventDefault(); take(); }
    if (e.key === 'Backspace' && !input.value && people.length) { e.preventDefault(); people.at(-1).li.querySelector('button').focus(); }
    if (e.key === 'ArrowLeft' && !input.value && people.length) people.at(-1).li.querySelector('button').focus();
  });
  on(list, 'keydown', e => {
    const i = people.findIndex(p => p.li.contains(e.target));
    if (i < 0) return;
    if (e.key === 'Backspace' || e.key === 'Delete') { e.preventDefault(); remove(people[i]); }
    if (e.key === 'ArrowLeft') people[Math.max(0, i - 1)].li.querySelector('button').focus();
    if (e.key === 'ArrowRight') (people[i + 1]?.li.querySelector('button') ?? input).focus();
  });
  on(box, 'click', e => { if (e.target === box || e.target === list) input.focus(); });
  on(form, 'submit', () => { keep(false); });

  const field = {
    begin() {
      const typed = parts(store.value);
      typed.forEach(v => add(v, blocks.has(v) ? { new: true } : undefined));
    },
    add: person => { add(person.email, { known: true, name: person.name, practice: person.org }); keep(); },
    swap(typed, meant) {
      const p = people.find(x => same(x.value, typed));
      if (!p) return;
      blocks.rename(typed, meant);
      p.value = meant;
      p.who = undefined;
      draw(p);
      keep();
      ask(p);
      input.focus();
    },
  };
  return field;
}
