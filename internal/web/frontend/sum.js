// A worker that makes the SHA-256 of a file, a slice at a time, while the page sends it.
import { sha256 } from './hashes/sha2.js';

const slice = 4 << 20;

onmessage = async ({ data: file }) => {
  try {
    const h = sha256.create();
    for (let at = 0; at < file.size; at += slice) h.update(new Uint8Array(await file.slice(at, at + slice).arrayBuffer()));
    postMessage([...h.digest()].map(b => b.toString(16).padStart(2, '0')).join(''));
  } catch {
    postMessage(''); // the file cannot be read any more
  }
};
