// To: asks whether an address is known, opens "New recipient" for one that is not, and asks about an address that looks
// like another. Where several recipients are allowed they become chips.
import { chips } from './chips.js';
import { contacts } from './contacts.js';
import { newcomers } from './newcomers.js';
import { doubts } from './doubts.js';
import { note, words } from './known.js';

export function recipient(form, on) {
  const to = form.querySelector('[name=to]');
  if (!form.dataset.recipient || !to || !form.querySelector('[data-newcomer]')) return;
  const several = Number(form.dataset.most) > 1;
  const blocks = newcomers(form, several);

  // lookUp says what is known of an address; null when there is no answer, and the server tells when the message is sent.
  async function lookUp(value) {
    const r = await fetch(form.dataset.recipient, {
      method: 'POST', body: JSON.stringify({ to: value }),
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    }).catch(() => null);
    return r?.ok ? r.json() : null;
  }

  const field = several ? chips(form, to, { on, lookUp, blocks }) : single(to, { on, lookUp, blocks });
  field.doubts = doubts(form, on, (typed, meant) => field.swap(typed, meant));
  contacts(form, on, person => field.add(person));
  field.begin();
}

function single(to, { on, lookUp, blocks }) {
  const line = note(to);
  let asked;
  const field = {
    begin: () => { if (to.value && blocks.none()) ask(); },
    add: person => field.set(person.email),
    swap: (_, meant) => field.set(meant),
    set: value => { to.value = value; to.dispatchEvent(new Event('input', { bubbles: true })); ask(); },
  };
  async function ask() {
    const value = to.value.trim();
    if (value === asked) return;
    asked = value;
    line.textContent = '';
    field.doubts.clear();
    if (!value) { blocks.hideAll(); return; }
    const who = await lookUp(value);
    if (!who || asked !== value) { if (asked === value) asked = undefined; return; }
    if (who.new) blocks.only(value); else blocks.hideAll();
    line.textContent = words(who);
    if (who.meant) field.doubts.show(value, who.meant);
  }
  on(to, 'change', ask);
  on(to, 'blur', ask);
  return field;
}
