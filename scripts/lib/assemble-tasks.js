// Puts the task folders together: target/tasks/{prepare,analyze,publish}, complete and runnable, and the two tasks
// that Azure DevOps runs itself, target/tasks/{gate,build-gate}.
//   node assemble-tasks.js PLATFORM=BINARY...    PLATFORM as Node.js names it: linux-x64, win32-arm64 ...
//
// Each folder is made aside and renamed into place, so that an interrupted run leaves no half of one. A folder whose
// content stays the same is not touched. scripts/build-tasks keeps two runs from meeting, and clears target/tasks.new.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const { rearranged } = require('./pack-program');

const STEPS = ['prepare', 'analyze', 'publish'];
const GATES = ['gate', 'build-gate'];
// Five platforms in two of the folders: the extension stays under 20 MiB. What is packed binds.
const LARGEST_BINARY = 5.5 * 1024 * 1024;
const LARGEST_PACKED = 1.9 * 1024 * 1024;

const root = path.join(__dirname, '..', '..');
const target = path.join(root, 'target');
const aside = path.join(target, 'tasks.new');

main(process.argv.slice(2));

function main(args) {
  const version = crateVersion();
  const packed = {};
  const binaries = {};
  for (const arg of args) {
    const [platform, file] = arg.split(/=(.*)/s);
    const content = fs.readFileSync(file);
    const sha256 = crypto.createHash('sha256').update(content).digest('hex');
    const { content: arranged, packing } = rearranged(content, platform);
    packed[platform] = brotli(arranged);
    binaries[platform] = { file: 'bin/' + platform + '.br', sha256, size: content.length, packing };
    report(platform, 'binary', content.length, LARGEST_BINARY);
    report(platform, 'brotli', packed[platform].length, LARGEST_PACKED);
  }
  if (process.exitCode) return;
  for (const step of STEPS) assemble(step, stepFiles(step, version, binaries, packed));
  for (const gate of GATES) assemble(gate, taskFiles(gate, version));
}

/** The one place where the version stands is Cargo.toml. */
function crateVersion() {
  const found = /^version = "(\d+\.\d+\.\d+)"$/m.exec(fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8'));
  if (!found) throw new Error('Cargo.toml has no line version = "x.y.z"');
  return found[1];
}

/** Seconds of work for each binary, so it is kept under the hash of what it was made from. */
function brotli(content) {
  const kept = path.join(target, 'brotli', crypto.createHash('sha256').update(content).digest('hex') + '.br');
  if (fs.existsSync(kept)) return fs.readFileSync(kept);
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  // A window of 4 MiB takes 1 % off the size against 1 MiB, and the launcher 6 ms more of its one unpacking for each agent.
  const params = { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_LGWIN]: 22, [BROTLI_PARAM_SIZE_HINT]: content.length };
  const result = zlib.brotliCompressSync(content, { params });
  fs.mkdirSync(path.dirname(kept), { recursive: true });
  fs.writeFileSync(kept + '.new', result);
  fs.renameSync(kept + '.new', kept);
  return result;
}

function report(platform, what, size, limit) {
  const fits = size <= limit;
  console.log(`${platform}: ${what} ${size} bytes${fits ? '' : `, over the limit of ${limit}`}`);
  if (!fits) process.exitCode = 1;
}

/** What every task consists of. */
function taskFiles(name, version) {
  const task = JSON.parse(fs.readFileSync(path.join(root, 'task', name, 'task.json'), 'utf8'));
  const [Major, Minor, Patch] = version.split('.').map(Number);
  return {
    'task.json': json(Object.assign(task, { version: { Major, Minor, Patch } })),
    'icon.png': fs.readFileSync(path.join(root, 'task', 'icon.png')),
  };
}

function stepFiles(step, version, binaries, packed) {
  const files = Object.assign(taskFiles(step, version), {
    'run.js': fs.readFileSync(path.join(root, 'task', 'run.js')),
    'binaries.json': json({ step, version, binaries }),
  });
  // SonarAnalyze runs the binary that SonarPrepare unpacked.
  if (step !== 'analyze') {
    for (const platform of Object.keys(packed)) files[binaries[platform].file] = packed[platform];
  }
  return files;
}

function assemble(name, files) {
  const folder = path.join(target, 'tasks', name);
  if (holdsExactly(folder, files)) return;
  const made = path.join(aside, name);
  for (const file of Object.keys(files)) {
    fs.mkdirSync(path.dirname(path.join(made, file)), { recursive: true });
    // No execute bit: an agent that unpacks a task sets none either.
    fs.writeFileSync(path.join(made, file), files[file], { mode: 0o644 });
  }
  swap(made, folder);
}

function json(value) {
  return Buffer.from(JSON.stringify(value, null, 2) + '\n');
}

function holdsExactly(folder, files) {
  // What a launcher has unpacked there does not make the folder another one.
  const found = listed(folder).filter(name => !name.startsWith('unpacked/'));
  return found.length === Object.keys(files).length &&
    found.every(name => files[name] && files[name].equals(fs.readFileSync(path.join(folder, name))));
}

/** All files below the folder, with `/` between folders; none when it does not exist. */
function listed(folder, below = '') {
  let entries;
  try {
    entries = fs.readdirSync(path.join(folder, below), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  const names = entries.map(entry =>
    entry.isDirectory() ? listed(folder, below + entry.name + '/') : [below + entry.name]);
  return [].concat(...names);
}

function swap(made, folder) {
  const old = path.join(aside, path.basename(folder) + '.old');
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  try {
    fs.renameSync(folder, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  fs.renameSync(made, folder);
}
