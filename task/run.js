// Launcher of the three tasks: the script an agent's Node.js handler runs in each task folder.
//
// It finds the program of this platform and runs `sonar-azdo task <step>` in the agent's own environment. SonarPrepare and
// SonarPublish unpack the program once into their task folder, where later jobs of the agent find it. SonarAnalyze runs the
// one of SonarPrepare. No package is loaded, and nothing here needs more than Node.js 10: whatever handler the agent picks
// runs this file.
//
// An agent takes an exit code other than 0 for an error of its own. So it is 0 when what failed has been reported, and
// another one only when the binary crashed or nothing could be written.
'use strict';

const fs = require('fs');
const path = require('path');

const windows = process.platform === 'win32';
// x86 instructions: call and jmp; and lea, mov, cmp and the like, of which a second byte 05, 0d, 15 ... says that an operand
// lies at a distance of four bytes.
const CALLS = [0xe8, 0xe9];
const RELATIVE = [0x03, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x63, 0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xff];
const NAME = windows ? 'sonar-azdo.exe' : 'sonar-azdo';
// The file by which SonarPrepare tells SonarAnalyze where the program is.
const NOTE = 'path';

function launch() {
  const { step, version, binaries } = readManifest();
  const platform = process.platform + '-' + process.arch;
  const binary = binaries[platform];
  if (!binary) {
    throw new Error(
      'this task has no program for ' + platform + ' (it has: ' + Object.keys(binaries).join(', ') + '). ' +
      'Run the job on an agent of one of these platforms.');
  }
  if (step === 'analyze' && neverPrepared() && skipsWithoutConnection()) return skip();
  run(program(binary, step, version), step);
}

/** Whether not even the launcher of SonarPrepare ran in this job: it left no program, and no token. */
function neverPrepared() {
  const temporary = process.env.AGENT_TEMPDIRECTORY;
  return Boolean(temporary) && !stat(path.join(temporary, 'sonar-azdo-bin')) &&
    !Object.keys(process.env).some(name => /^SECRET_SONAR_AZDO_TOKEN_/i.test(name));
}

// What follows decides as src/step/missing.rs does, for the one task that has no program before SonarPrepare ran.

function isFork() {
  return /^true$/i.test(process.env.SYSTEM_PULLREQUEST_ISFORK || '');
}

function input(name) {
  return (process.env['INPUT_' + name] || '').trim();
}

function skipsWithoutConnection() {
  const wish = input('ONMISSINGCONNECTION');
  return wish === 'skip' || wish === '' && isFork();
}

function skip() {
  const why = isFork()
    ? 'this pull request comes from a fork, whose builds get no secrets: without a service connection SonarPrepare ' +
      'could not run'
    : 'SonarPrepare did not run, and onMissingConnection is skip';
  // By this SonarPublish of another job tells it from a job that came to no export.
  const folder = input('EXPORTTO');
  if (folder) exportNote(path.resolve(process.env.SYSTEM_DEFAULTWORKINGDIRECTORY || '.', folder), why);
  report(
    '##vso[task.logissue type=warning]Nothing is analysed: ' + why + '\n' +
    '##vso[task.complete result=Succeeded;]Skipped: nothing was analysed\n', 0);
}

/** Writes what `Unconnected` of src/analysis/exported.rs reads. */
function exportNote(folder, why) {
  const { env } = process;
  const build = {
    collection: (env.SYSTEM_COLLECTIONURI || env.SYSTEM_TEAMFOUNDATIONCOLLECTIONURI || '').replace(/\/+$/, '').toLowerCase(),
    project: (env.SYSTEM_TEAMPROJECTID || env.SYSTEM_TEAMPROJECT || '').toLowerCase(),
    id: env.BUILD_BUILDID || '',
  };
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'sonar-analysis-none.json'), JSON.stringify({ version: 1, build, skipped: why }));
  } catch (error) {
    throw new Error('exportTo: ' + folder + ' cannot be written: ' + error.message);
  }
}

/** binaries.json: the step of this task folder, and size and sha256 of the binary for each platform. */
function readManifest() {
  try {
    return JSON.parse(fs.readFileSync(path.join(__dirname, 'binaries.json'), 'utf8'));
  } catch (error) {
    throw damaged(error.message);
  }
}

function damaged(what) {
  const error = new Error(
    'the files of this task are damaged: ' + what + '. Delete the folder ' + __dirname + ' on the agent; ' +
    'the next job fetches it again.');
  error.isFinal = true;
  return error;
}

/** The path of the program; unpacks it where no job of this agent has done so yet. */
function program(binary, step, version) {
  const temporary = process.env.AGENT_TEMPDIRECTORY;
  if (!temporary) {
    throw new Error('AGENT_TEMPDIRECTORY is not set. Run this task in a job of an Azure Pipelines agent.');
  }
  const shared = path.join(temporary, 'sonar-azdo-bin');
  const directory = path.join(shared, binary.sha256.slice(0, 16));
  // SonarAnalyze carries no program, so that the extension stays below the size that Azure DevOps Server takes.
  if (step === 'analyze') return ofPrepare(shared, directory, binary, version);
  const file = inTaskFolder(binary) || inJobFolder(shared, directory, binary);
  if (step === 'prepare') leavePath(shared, directory, file);
  return file;
}

/**
 * The program in the task folder, or undefined where it cannot be unpacked there: the folder is read-only, or another user's.
 *
 * Its hash is checked when it is unpacked, and not again: whoever can change it can change this file, too.
 */
function inTaskFolder(binary) {
  const directory = path.join(__dirname, 'unpacked', binary.sha256.slice(0, 16));
  const file = path.join(directory, NAME);
  if (isProgram(file, binary)) return file;
  try {
    if (!windows && fs.statSync(__dirname).uid !== process.geteuid()) return undefined;
    for (const folder of [path.dirname(directory), directory]) {
      if (!stat(folder)) fs.mkdirSync(folder, 0o700);
      if (whyDistrusted(stat(folder))) return undefined;
    }
    place(inflated(binary), file, () => isProgram(file, binary));
  } catch (error) {
    // Anything else is a matter of this folder, and the job's own may do.
    if (error.isFinal) throw error;
    return undefined;
  }
  return isProgram(file, binary) ? file : undefined;
}

/** The program in the temporary directory of this job, which other steps of the job can write to. */
function inJobFolder(shared, directory, binary) {
  const file = path.join(directory, NAME);
  if (isOurs(shared) && isOurs(directory) && isIntact(file, binary)) return file;
  const content = inflated(binary);
  makePrivate(shared);
  makePrivate(directory);
  try {
    place(content, file, () => isIntact(file, binary));
  } catch (error) {
    throw unwritable(file, error);
  }
  return file;
}

/** Tells SonarAnalyze of this job where the program is. */
function leavePath(shared, directory, file) {
  makePrivate(shared);
  makePrivate(directory);
  const note = path.join(directory, NOTE);
  try {
    if (stat(note) && fs.readFileSync(note, 'utf8') === file) return;
    fs.writeFileSync(note + '.' + process.pid, file, { mode: 0o600 });
    fs.renameSync(note + '.' + process.pid, note);
  } catch (error) {
    throw unwritable(note, error);
  }
}

/** The program that SonarPrepare used. Any step of the job can change the note, so the hash is checked before each use. */
function ofPrepare(shared, directory, binary, version) {
  if (isOurs(shared) && isOurs(directory)) {
    const note = path.join(directory, NOTE);
    const found = stat(note);
    const file = found && found.isFile() && found.size < 32768 && fs.readFileSync(note, 'utf8');
    if (file && path.isAbsolute(file) && isIntact(file, binary)) return file;
  }
  throw new Error(
    'the program that SonarPrepare ' + version + ' unpacks is missing or was changed. Run SonarPrepare before ' +
    'SonarAnalyze in the same job, and use the same version of both tasks.');
}

/** Whether this is a directory that only we can have filled; false when there is none. */
function isOurs(directory) {
  const found = stat(directory);
  if (!found) return false;
  const why = whyDistrusted(found);
  if (why) {
    throw new Error(
      directory + ' ' + why + ', so the program in it cannot be trusted. Delete it on the agent and run the job again.');
  }
  return true;
}

/** Why others could have filled this directory; empty when they could not. */
function whyDistrusted(found) {
  return !found.isDirectory() ? 'is not a directory'
    : windows ? ''
    : found.uid !== process.geteuid() ? 'belongs to another user'
    : found.mode & 0o022 ? 'can be changed by other users'
    : '';
}

/** Whether this is a file that only we can have written, of the size of the program. */
function isProgram(file, binary) {
  const found = stat(file);
  return Boolean(found) && found.isFile() && found.size === binary.size &&
    (windows || found.uid === process.geteuid() && (found.mode & 0o777) === 0o700);
}

function isIntact(file, binary) {
  return isProgram(file, binary) && sha256OfFile(file) === binary.sha256;
}

function stat(file) {
  try {
    return fs.lstatSync(file);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw new Error('cannot look at ' + file + ': ' + error.message);
  }
}

function sha256(content) {
  return require('crypto').createHash('sha256').update(content).digest('hex');
}

/** Piece by piece: a quarter less processor time than with a buffer that holds the whole file. */
function sha256OfFile(file) {
  const hash = require('crypto').createHash('sha256');
  const piece = Buffer.allocUnsafe(65536);
  const fd = fs.openSync(file, 'r');
  try {
    for (let read; (read = fs.readSync(fd, piece, 0, piece.length, null)) > 0;) hash.update(piece.slice(0, read));
  } finally {
    fs.closeSync(fd);
  }
  return hash.digest('hex');
}

function inflated(binary) {
  const inflate = require('zlib').brotliDecompressSync;
  if (!inflate) {
    const error = new Error(
      'Node.js ' + process.version + ' of this agent cannot unpack the program. Update the agent to 2.164.1 or newer.');
    error.isFinal = true;
    throw error;
  }
  let content;
  try {
    // One output buffer that holds all of it, instead of hundreds of small ones.
    content = inflate(fs.readFileSync(path.join(__dirname, binary.file)), { chunkSize: 8 << 20 });
  } catch (error) {
    throw damaged(binary.file + ': ' + error.message);
  }
  const { code, frames } = binary.packing || {};
  if (code) shiftTargets(content, code, -1);
  if (frames) unpackFrames(content, frames);
  if (content.length !== binary.size || sha256(content) !== binary.sha256) {
    throw damaged(binary.file + ' does not have the content that binaries.json promises');
  }
  return content;
}

/**
 * Adds the place of each x86 instruction that names a target by its distance to that distance, or takes it off (`sign`).
 * scripts/lib/pack-program.js says why. What only looks like such an instruction does no harm: it is changed there and back.
 */
function shiftTargets(content, { offset, size }, sign) {
  const code = content.slice(offset, offset + size);
  // By first byte: where the distance begins.
  const begins = new Uint8Array(256);
  for (const byte of CALLS) begins[byte] = 1;
  for (const byte of RELATIVE) begins[byte] = 2;
  for (let at = 0; at + 6 <= code.length;) {
    const begin = begins[code[at]];
    if (begin === 0 || begin === 2 && (code[at + 1] & 0xc7) !== 0x05) { at++; continue; }
    const from = at + begin;
    at = from + 4;
    // Within 16 MiB, so that the highest byte is 0 or 255 before and after.
    const high = code[from + 3];
    if (high === 0 || high === 0xff) code.writeInt32LE(((code.readInt32LE(from) + sign * at) << 7) >> 7, from);
  }
}

/**
 * Calls `visit` with the place of each function's entry in the table for unwinding, and with what it names its common entry by.
 * The format is that of .eh_frame in the Linux Standard Base, with distances of four bytes.
 */
function eachFrame(content, table, visit) {
  for (let at = table.offset; at + 4 <= table.offset + table.size;) {
    const length = content.readUInt32LE(at);
    // Common entries have 0 there; the table may hold an empty entry, too.
    const common = length && content.readUInt32LE(at + 4);
    if (common) visit(at, common);
    at += 4 + length;
  }
}

/**
 * Undoes packFrames of scripts/lib/pack-program.js: makes the distances in the table for unwinding, and its sorted index,
 * .eh_frame_hdr.
 */
function unpackFrames(content, { table, index }) {
  const address = at => at - table.offset + table.address;
  const frames = [];
  let end = 0;
  let exceptions = 0;
  eachFrame(content, table, (at, common) => {
    const from = end + content.readInt32LE(at + 8);
    content.writeUInt32LE(at + 4 - (common - 1 + table.offset), at + 4);
    content.writeInt32LE(from - address(at + 8), at + 8);
    end = from + content.readInt32LE(at + 12);
    if (content[at + 16] === 4) {
      exceptions += content.readInt32LE(at + 17);
      content.writeInt32LE(exceptions - address(at + 17), at + 17);
    }
    frames.push([from, address(at)]);
  });
  frames.sort((one, other) => one[0] - other[0]);
  frames.forEach(([from, frame], number) => {
    const at = index.offset + 12 + 8 * number;
    content.writeInt32LE(from - index.address, at);
    content.writeInt32LE(frame - index.address, at + 4);
  });
}

function makePrivate(directory) {
  try {
    fs.mkdirSync(directory, 0o700);
  } catch (error) {
    if (error.code !== 'EEXIST') throw unwritable(directory, error);
  }
  isOurs(directory);
}

function unwritable(file, error) {
  return new Error(
    'cannot write to ' + file + ': ' + error.message + '. ' +
    'Make sure that the agent can write to its temporary directory and that the disk is not full.');
}

/** Writes aside and renames, so that a launcher that runs at the same time never sees half a file. */
function place(content, file, isThere) {
  const aside = file + '.' + process.pid + '.' + Date.now().toString(36);
  try {
    const fd = fs.openSync(aside, 'wx', 0o700);
    try {
      for (let at = 0; at < content.length;) at += fs.writeSync(fd, content, at);
      // A machine that loses its power must not leave a file of the right size without its content.
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(aside, file);
  } catch (error) {
    try {
      fs.unlinkSync(aside);
    } catch (_) {
      // It was not made.
    }
    // Windows refuses to replace a program that runs: then another launcher was first.
    if (!isThere()) throw error;
  }
}

function run(file, step) {
  let child;
  // An agent signals its direct child only, so the signal goes on to the binary and we stay until that has ended. On
  // Windows the console tells both of us, and kill() would end the binary unwarned.
  for (const signal of windows ? ['SIGINT', 'SIGBREAK'] : ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (!windows) child.kill(signal);
    });
  }
  const unstartable = error => new Error(
    'cannot start ' + file + ': ' + error.message + '. Make sure that the agent may run programs from this folder ' +
    '(no noexec mount, no rule of a security product against it).');
  try {
    // No windowsHide: the shared console is what carries Ctrl+C to the binary on Windows.
    child = require('child_process').spawn(file, ['task', step], { stdio: 'inherit' });
  } catch (error) {
    throw unstartable(error);
  }
  child.on('error', error => fail(unstartable(error).message, 0));
  child.on('exit', (code, signal) => {
    if (code === 0) return;
    const how = signal ? 'was ended by ' + signal : 'ended with exit code ' + code;
    // The first line end closes whatever line the program was about to write.
    fail('the program of this task ' + how + ' before it could report a result; see its output above.', code || 1, '\n');
  });
}

/** Reports a failed task; exits with `code` once that is written, with another than 0 where it cannot be. */
function fail(message, code, before) {
  // Escaped as the agent reads data; what came from outside must not look like a command in its log either.
  const data = message
    .replace(/##(?=(vso)?\[)/gi, '# #')
    .replace(/%/g, '%AZP25')
    .replace(/\r/g, '%0D')
    .replace(/\n/g, '%0A');
  report(
    (before || '') + '##vso[task.logissue type=error]' + data + '\n##vso[task.complete result=Failed;]' + data + '\n', code);
}

/** Writes the last lines of a task. */
function report(lines, code) {
  process.exitCode = code;
  process.stdout.on('error', () => {
    process.exitCode = code || 1;
  });
  process.stdout.write(lines);
}

if (require.main === module) {
  try {
    launch();
  } catch (error) {
    fail(error.message, 0);
  }
} else {
  // What scripts/lib/pack-program.js packs with.
  module.exports = { eachFrame, shiftTargets, unpackFrames };
}
