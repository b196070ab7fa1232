// The viewer of 3-D models: STL, PLY and OBJ, drawn by three.js, which stands in this bundle alone.
import { AmbientLight, Box3, BufferGeometry, Color, DirectionalLight, Float32BufferAttribute, HemisphereLight, Mesh, MeshStandardMaterial, PerspectiveCamera, Points, PointsMaterial, Scene, Vector3, WebGLRenderer } from 'three';
import { OrbitControls } from './three/OrbitControls.js';
import { STLLoader } from './three/STLLoader.js';
import { PLYLoader } from './three/PLYLoader.js';
import { OBJLoader } from './three/OBJLoader.js';

const MOST = 6e6; // triangles

document.querySelectorAll('[data-model]').forEach(root => {
  const said = root.querySelector('[data-said]');
  const bar = root.querySelector('[data-progress]');
  root.querySelectorAll('[data-plain]').forEach(e => { e.hidden = true; });
  const say = text => { bar.hidden = true; said.textContent = text; };
  show(root, bar, say).catch(e => say(e.words || 'This model cannot be shown. It may be damaged, or not be what its name says. You can download it.'));
});

// problem is an error with words for people.
const problem = words => Object.assign(new Error(words), { words });

async function show(root, bar, say) {
  const data = await load(root.dataset.src, Number(root.dataset.size), bar);
  root.querySelector('[data-said]').textContent = 'Reading the model…';
  await new Promise(done => { setTimeout(done); }); // let the words appear first
  const geometry = parse(root.dataset.model, data);
  const places = geometry.getAttribute('position');
  if (!places?.count) throw problem('This file holds no 3D model. Download it to look into it.');
  if (!places.array.every(Number.isFinite)) throw problem('This model holds numbers that cannot be drawn. Download it to see it in your own program.');
  const solid = geometry.userData.solid;
  const triangles = (geometry.index ? geometry.index.count : places.count) / 3;
  geometry.computeBoundingBox();
  const size = geometry.boundingBox.getSize(new Vector3());
  const words = `${counted(solid ? triangles : places.count, solid ? 'triangle' : 'point')}. ${[size.x, size.y, size.z].map(measure).join(' × ')} mm, if the file is in millimetres.`;
  if (solid && triangles > MOST) throw problem(`${words} That is too much to be drawn here. Download the model to see it in your own program.`);
  try {
    scene(root, geometry, solid);
    say(words);
  } catch {
    say(words + ' Your browser cannot draw 3D here. Download the model to see it in your own program.');
  }
}

const counted = (n, word) => `${Math.round(n).toLocaleString('en-US')} ${word}${n === 1 ? '' : 's'}`;
const measure = v => v.toLocaleString('en-US', { maximumFractionDigits: v < 10 ? 2 : 1 });

// load fetches the whole file and shows how far it is.
async function load(address, size, bar) {
  const answer = await fetch(address, { credentials: 'same-origin' }).catch(() => null);
  if (!answer?.ok) throw problem('The model could not be loaded. Check your connection and open this page again.');
  bar.hidden = false;
  bar.value = 0;
  const data = new Uint8Array(size);
  let at = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw problem('The model could not be loaded. Check your connection and open this page again.'); });
    if (done) break;
    if (at + value.length > size) throw problem('The model is larger than it says. Download it to look into it.');
    data.set(value, at);
    at += value.length;
    bar.value = Math.round(100 * at / size);
  }
  if (at < size) throw problem('The model could not be loaded whole. Open this page again.');
  return data.buffer;
}

// parse gives one geometry, whatever the file's parts are.
function parse(kind, data) {
  if (kind === 'obj') return parseOBJ(data);
  const g = kind === 'stl' ? new STLLoader().parse(data) : new PLYLoader().parse(data);
  g.userData.solid = kind === 'stl' || Boolean(g.index);
  if (kind === 'stl') g.deleteAttribute('normal'); // many programs write none, or wrong ones: they are reckoned anew
  return g;
}

function parseOBJ(data) {
  const group = new OBJLoader().parse(words(data));
  const solids = [];
  const points = [];
  group.traverse(o => {
    const p = o.geometry?.getAttribute('position');
    if (p) (o.isMesh ? solids : points).push(p.array);
  });
  const parts = solids.length ? solids : points; // a file without faces is shown as the points it has
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { all.set(p, at); at += p.length; }
  const g = new BufferGeometry();
  g.setAttribute('position', new Float32BufferAttribute(all, 3));
  g.userData.solid = solids.length > 0;
  return g;
}

// words decodes a text file, also one of those that begin with the mark of UTF-16.
function words(data) {
  const [a, b] = new Uint8Array(data, 0, Math.min(2, data.byteLength));
  return new TextDecoder(a === 0xfe && b === 0xff ? 'utf-16be' : a === 0xff && b === 0xfe ? 'utf-16le' : 'utf-8').decode(data);
}

// directions to look from: the models of scanners have their front towards -y and their top towards +z.
const views = { front: [0, -1, 0], left: [-1, 0, 0], right: [1, 0, 0], top: [0, 0, 1], bottom: [0, 0, -1] };

function scene(root, geometry, solid) {
  const stage = root.querySelector('[data-stage]');
  const renderer = new WebGLRenderer({ antialias: true, preserveDrawingBuffer: false });
  const world = new Scene();
  const camera = new PerspectiveCamera(35, 1, 0.01, 1000);
  camera.up.set(0, 0, 1);

  // centred, and of one size, so that light and zoom fit every model
  const box = new Box3().setFromBufferAttribute(geometry.getAttribute('position'));
  const centre = box.getCenter(new Vector3());
  const radius = box.getSize(new Vector3()).length() / 2 || 1;
  geometry.translate(-centre.x, -centre.y, -centre.z);
  geometry.scale(1 / radius, 1 / radius, 1 / radius);
  if (solid && !geometry.getAttribute('normal')) geometry.computeVertexNormals();
  const colours = Boolean(geometry.getAttribute('color'));
  const colour = colours ? 0xffffff : 0xe3d9c6;
  world.add(solid
    ? new Mesh(geometry, new MeshStandardMaterial({ color: colour, vertexColors: colours, roughness: 0.55, metalness: 0, side: 2 }))
    : new Points(geometry, new PointsMaterial({ color: colour, vertexColors: colours, size: 0.008 })));
  world.add(new AmbientLight(0xffffff, 0.5), new HemisphereLight(0xffffff, 0x8a94a0, 1.2));
  const sun = new DirectionalLight(0xffffff, 1.8);
  sun.position.set(0.4, 0.6, 1);
  camera.add(sun);
  world.add(camera);

  const controls = new OrbitControls(camera, renderer.domElement);
  controls.minDistance = 0.3;
  controls.maxDistance = 20;
  controls.enableZoom = true;

  let waiting = 0;
  const draw = () => { if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; renderer.render(world, camera); }); };
  controls.addEventListener('change', draw);

  const dark = matchMedia('(prefers-color-scheme: dark)');
  const ground = () => { world.background = new Color(getComputedStyle(stage).backgroundColor); draw(); };
  dark.addEventListener('change', ground);

  const fit = () => {
    const { clientWidth: w, clientHeight: h } = stage;
    if (!w || !h) return;
    renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    renderer.setSize(w, h, false);
    camera.aspect = w / h;
    camera.updateProjectionMatrix();
    draw();
  };
  const distance = () => 1.05 / Math.sin(Math.min(camera.fov, 2 * Math.atan(Math.tan(camera.fov * Math.PI / 360) * camera.aspect) * 180 / Math.PI) * Math.PI / 360);
  function view(name) {
    const d = new Vector3(...views[name]);
    if (d.z) d.y = -1e-3 * Math.abs(d.z); // straight from above there is no up
    camera.position.copy(d.normalize().multiplyScalar(distance()));
    controls.target.set(0, 0, 0);
    controls.update();
    stage.dataset.view = name;
    draw();
  }
  function turn(x, y) {
    const at = camera.position.clone().sub(controls.target);
    const r = at.length();
    const theta = Math.atan2(at.y, at.x) + x;
    const phi = Math.min(Math.max(Math.acos(at.z / r) + y, 0.01), Math.PI - 0.01);
    camera.position.set(r * Math.sin(phi) * Math.cos(theta), r * Math.sin(phi) * Math.sin(theta), r * Math.cos(phi)).add(controls.target);
    controls.update();
    stage.dataset.view = 'own';
    draw();
  }
  function zoom(k) {
    const at = camera.position.clone().sub(controls.target);
    camera.position.copy(at.setLength(Math.min(Math.max(at.length() * k, 0.3), 20)).add(controls.target));
    controls.update();
    draw();
  }
  function move(x, y) {
    const step = camera.position.distanceTo(controls.target) * 0.05;
    const right = new Vector3().setFromMatrixColumn(camera.matrix, 0).multiplyScalar(x * step);
    const up = new Vector3().setFromMatrixColumn(camera.matrix, 1).multiplyScalar(y * step);
    camera.position.add(right).add(up);
    controls.target.add(right).add(up);
    controls.update();
    draw();
  }

  const T = Math.PI / 24;
  const turns = { left: [-T, 0], right: [T, 0], up: [0, -T], down: [0, T] };
  const arrows = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };
  const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const acts = { '+': () => zoom(0.8), '=': () => zoom(0.8), '-': () => zoom(1.25), 0: () => view('front') };
  Object.keys(views).forEach((name, i) => { acts[i + 1] = () => view(name); });
  stage.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const act = arrows[e.key] ? () => (e.shiftKey ? move(...moves[e.key]) : turn(...turns[arrows[e.key]])) : acts[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act();
  });
  // without Ctrl the wheel scrolls the page
  stage.addEventListener('wheel', e => { if (!e.ctrlKey) e.stopPropagation(); }, { capture: true });
  const does = { in: () => zoom(0.8), out: () => zoom(1.25), reset: () => view('front') };
  root.addEventListener('click', e => {
    const b = e.target.closest('button');
    if (!b) return;
    does[b.dataset.do]?.();
    if (b.dataset.view) view(b.dataset.view);
    if (b.dataset.turn) turn(...turns[b.dataset.turn]);
  });

  stage.classList.add('live');
  stage.tabIndex = 0;
  stage.setAttribute('role', 'group');
  stage.setAttribute('aria-label', '3D model. Its keys are listed under Keys and gestures.');
  renderer.domElement.setAttribute('role', 'img');
  renderer.domElement.setAttribute('aria-label', '3D model');
  stage.append(renderer.domElement);
  root.querySelectorAll('[data-tools]').forEach(t => { t.hidden = false; });
  fit();
  ground();
  view('front');
  new ResizeObserver(() => { fit(); ground(); }).observe(stage);
}
