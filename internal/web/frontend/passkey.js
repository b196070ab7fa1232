// Passkeys: a button that stays hidden unless this browser can do it here. The server makes every challenge and judges
// every answer; this only carries them, as bytes where the browser wants bytes.
const bytes = s => Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0));
const text = b => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const ids = list => (list || []).map(c => ({ ...c, id: bytes(c.id) }));

async function post(to, body) {
  const r = await fetch(to, { method: 'POST', headers: { 'Content-Type': 'application/json', Accept: 'application/json' }, body: JSON.stringify(body) });
  const answer = await r.json();
  if (!r.ok) throw Object.assign(new Error(answer.error), { ours: true });
  return answer;
}

async function create(o) {
  const c = await navigator.credentials.create({ publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: ids(o.excludeCredentials) } });
  return sent(c, { attestationObject: text(c.response.attestationObject), transports: c.response.getTransports?.() || [] });
}

async function get(o) {
  const c = await navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) } });
  const h = c.response.userHandle;
  return sent(c, { authenticatorData: text(c.response.authenticatorData), signature: text(c.response.signature), userHandle: h ? text(h) : undefined });
}

const sent = (c, response) => ({ id: c.id, rawId: text(c.rawId), type: c.type, response: { clientDataJSON: text(c.response.clientDataJSON), ...response } });

function wire(box) {
  const { base, host, next, name, make } = box.dataset;
  const button = box.querySelector('button');
  const said = box.querySelector('[role=alert]');
  const here = location.hostname;
  if (!window.PublicKeyCredential || !navigator.credentials || here !== host && !here.endsWith('.' + host)) return;
  box.hidden = false;
  document.querySelectorAll('[data-no-passkey]').forEach(e => { e.hidden = true; });
  button.addEventListener('click', async () => {
    button.disabled = true;
    said.textContent = '';
    try {
      const { publicKey } = await post(base + '/begin', {});
      const credential = make ? await create(publicKey) : await get(publicKey);
      const { to } = await post(base + '/finish', { credential, name: name ? document.getElementById(name).value : '', next: next || '' });
      location.assign(to);
    } catch (e) {
      // Errors that are not the server's (a closed window, a passkey that is here already) say nothing people can read.
      said.textContent = e.ours && e.message || box.dataset.failed;
      button.disabled = false;
    }
  });
}

document.querySelectorAll('[data-passkey]').forEach(wire);
