// One file on its way by the protocol of resumable uploads (tus 1.0): piece by piece, gone on with wherever the server says
// it is, until the server's checksum is ours. Nothing of it is kept in the browser.
const piece = 8 << 20, pauses = [1, 2, 4, 8, 15, 30, 30, 30];
const tus = { 'Tus-Resumable': '1.0.0', Accept: 'application/json' };

// final is a failure that no other try mends; its text is for people.
const final = text => Object.assign(new Error(text), { final: true });
const text = async r => (await r.json().catch(() => ({}))).error;

// transfer sends a file to start, or goes on at an upload that was begun. tell hears how many bytes are there and whether
// the connection is gone. done is what the server says of the attached file.
export function transfer(file, { start, at, summer, tell, began }) {
  const failed = `Upload of ${file.name} failed. Check your connection, then attach it again.`;
  let x, ended = false, held, wake = () => {};
  const sum = digest(file, summer);

  async function create() {
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
    const r = await fetch(start, { method: 'POST', headers: { ...tus, 'Upload-Length': file.size, 'Upload-Metadata': `filename ${name}` } });
    if (r.status === 401) throw final('You were signed out. Sign in, then attach the file again.');
    if (r.status !== 201) { const why = await text(r); if (why && r.status < 500) throw final(why); throw new Error(); }
    at = new URL(r.headers.get('Location'), location.href).pathname;
    began(r.headers.get('Draft-Version'));
    return 0;
  }
  async function head() {
    const r = await fetch(at, { method: 'HEAD', headers: { ...tus, 'X-Background': '1' } });
    if (r.status === 404) throw final(failed);
    if (r.status === 401) throw final('You were signed out. What has arrived is kept: sign in, then attach the file again.');
    if (!r.ok) throw new Error();
    return Number(r.headers.get('Upload-Offset'));
  }
  const patch = from => new Promise((ok, not) => {
    x = new XMLHttpRequest();
    x.open('PATCH', at);
    for (const [k, v] of Object.entries({ ...tus, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': from })) x.setRequestHeader(k, v);
    x.upload.onprogress = e => tell({ sent: from + e.loaded });
    x.onloadend = () => (x.status === 204 ? ok(Number(x.getResponseHeader('Upload-Offset'))) : not(new Error()));
    x.send(file.slice(from, from + piece));
  });
  async function finish() {
    const mine = await sum;
    if (!mine) throw final(`${file.name} could not be read any more. Attach it again.`);
    const r = await fetch(`${at}/done`, { method: 'POST', headers: { Accept: 'application/json', 'Content-Type': 'application/json' }, body: JSON.stringify({ sha256: mine }) });
    if (r.ok) return r.json();
    if (r.status >= 500) throw new Error();
    throw final((await text(r)) || failed);
  }
  const sleep = s => new Promise(done => { const t = setTimeout(done, s * 1000); wake = () => { clearTimeout(t); done(); }; });

  async function run() {
    let from, tries = 0;
    for (;;) {
      if (held) await held.promise;
      if (ended) return undefined;
      try {
        from ??= at ? await head() : await create();
        if (from === file.size) return await finish();
        const next = await patch(from);
        if (next > from) tries = 0;
        from = next;
        tell({ sent: from });
      } catch (e) {
        if (ended) return undefined;
        if (e.final) throw e;
        from = undefined; // the server knows how much has arrived
        if (held) continue;
        if (tries >= pauses.length) throw final(failed);
        tell({ gone: true });
        await sleep(pauses[tries++]);
      }
    }
  }
  if (at) began();
  const online = () => wake();
  addEventListener('online', online);
  return {
    done: run().finally(() => removeEventListener('online', online)),
    pause() { let go; held = { promise: new Promise(r => { go = r; }) }; held.go = go; x?.abort(); },
    go() { const h = held; held = undefined; h?.go(); },
    cancel() { ended = true; x?.abort(); this.go(); wake(); if (at) fetch(at, { method: 'DELETE', headers: tus, keepalive: true }).catch(() => {}); },
  };
}

function digest(file, summer) {
  return new Promise(done => {
    const w = new Worker(summer);
    w.onmessage = e => { done(e.data); w.terminate(); };
    w.onerror = () => { done(''); w.terminate(); };
    w.postMessage(file);
  });
}

// pace says how fast bytes come and how long the rest takes, over the last seconds.
export function pace(total) {
  const marks = [];
  return sent => {
    const now = Date.now();
    marks.push([now, sent]);
    while (marks.length > 2 && now - marks[0][0] > 8000) marks.shift();
    const s = (now - marks[0][0]) / 1000, rate = s > 1 ? (sent - marks[0][1]) / s : 0;
    return rate > 0 ? { rate, left: (total - sent) / rate } : undefined;
  };
}
