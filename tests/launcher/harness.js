// What the launcher tests share: a test runner that needs nothing but Node.js 10, staged task folders with a stand-in
// for the binary, and a reader of an agent's commands.
'use strict';

const { spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const zlib = require('zlib');

const PLATFORM = process.platform + '-' + process.arch;
const RUN_JS = path.join(__dirname, '..', '..', 'task', 'run.js');

// As an agent passes them. None of these values may ever be printed.
const SECRETS = {
  INPUT_SONARQUBE: '7f1c5e0e-secret-endpoint',
  ENDPOINT_AUTH_SYSTEMVSSCONNECTION: '{"parameters":{"AccessToken":"secret-job-token"},"scheme":"OAuth"}',
  ENDPOINT_AUTH_PARAMETER_7F1C_APITOKEN: 'sqp_secret-analysis-token',
  SECRET_SONAR_ENDPOINT: 'secret-variable',
};

const tests = [];
let scratch;

function test(name, body) {
  tests.push({ name, body });
}

/** Runs all tests in order, prints a line for each, and sets the exit code. A body may return 'skipped: why'. */
async function finish() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of tests) {
    scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'launcher-'));
    try {
      const outcome = await body();
      const skipped = typeof outcome === 'string' && outcome.startsWith('skipped');
      counts[skipped ? 'skipped' : 'passed']++;
      console.log(skipped ? `${name} ... ${outcome}` : `${name} ... ok`);
    } catch (error) {
      counts.failed++;
      console.log(`${name} ... FAILED\n${error.stack}`);
    }
    remove(scratch);
  }
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  process.exitCode = counts.failed || !counts.passed ? 1 : 0;
}

/** A path in the folder of the running test. */
function at(...names) {
  return path.join(scratch, ...names);
}

function directory(...names) {
  fs.mkdirSync(at(...names), { recursive: true });
  return at(...names);
}

/** Stages the folder of a task whose binary is the given content; `change` may alter binaries.json. */
function stage(step, binary, { folder = step, change = manifest => manifest, packed = zlib.brotliCompressSync } = {}) {
  const content = Buffer.from(binary);
  const manifest = {
    step, version: '1.2.3',
    binaries: { [PLATFORM]: { file: `bin/${PLATFORM}.br`, sha256: sha256(content), size: content.length } },
  };
  directory(folder);
  fs.copyFileSync(RUN_JS, at(folder, 'run.js'));
  fs.writeFileSync(at(folder, 'binaries.json'), JSON.stringify(change(manifest)));
  if (step !== 'analyze') {
    directory(folder, 'bin');
    const archive = packed(content);
    if (archive) fs.writeFileSync(at(folder, 'bin', `${PLATFORM}.br`), archive);
  }
  return at(folder);
}

/** A stand-in for the binary: a shell script. */
function script(...lines) {
  return ['#!/bin/sh', ...lines, ''].join('\n');
}

/** Where the launcher must put that stand-in: in the task folder or, if that is read-only, in the job's folder. */
function unpackedPath(folder, binary) {
  return path.join(folder, 'unpacked', sha256(Buffer.from(binary)).slice(0, 16), 'sonar-azdo');
}

function pathInJob(temporary, binary, name = 'sonar-azdo') {
  return path.join(temporary, 'sonar-azdo-bin', sha256(Buffer.from(binary)).slice(0, 16), name);
}

function sha256(content) {
  return crypto.createHash('sha256').update(content).digest('hex');
}

/** Starts a task folder as an agent does. Resolves to { code, signal, out, err } when it has ended. */
function launch(folder, temporary, { env = {}, stdout = 'pipe', cwd = scratch, onOutput = () => {}, user } = {}) {
  const given = Object.assign({ PATH: process.env.PATH }, SECRETS, env);
  if (temporary !== undefined) given.AGENT_TEMPDIRECTORY = temporary;
  const child = spawn(process.execPath, [path.join(folder, 'run.js')], {
    cwd, env: given, stdio: ['ignore', stdout, 'pipe'], uid: user, gid: user,
  });
  return new Promise((resolve, reject) => {
    const texts = { out: '', err: '' };
    for (const [name, stream] of [['out', child.stdout], ['err', child.stderr]]) {
      if (!stream) continue;
      stream.setEncoding('utf8').on('data', text => {
        texts[name] += text;
        onOutput(texts.out, child);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const secret of Object.keys(SECRETS)) {
        for (const text of [texts.out, texts.err]) {
          if (text.includes(SECRETS[secret])) reject(new Error(`the value of ${secret} was printed`));
        }
      }
      resolve(Object.assign({ code, signal }, texts));
    });
  });
}

/** The commands in an output by the agent's rules: anywhere in a line, and only the first of a line. */
function commands(output) {
  return output.split(/\r\n|\r|\n/).map(line => {
    const found = /##vso\[([^\]\s]+)(?: ([^\]]*))?\](.*)$/.exec(line);
    if (!found) return undefined;
    const properties = {};
    for (const pair of (found[2] || '').split(';').filter(Boolean)) {
      const [, name, value] = /^([^=]*)=(.*)$/.exec(pair);
      properties[name.toLowerCase()] = unescaped(value);
    }
    return { name: found[1], properties, data: unescaped(found[3]) };
  }).filter(Boolean);
}

function unescaped(text) {
  return text
    .replace(/%3B/g, ';').replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%5D/g, ']').replace(/%AZP25/g, '%');
}

/** All files below a folder with mode, time and content, which a launcher must not change. */
function snapshot(folder) {
  return files(folder).map(name => {
    const found = fs.statSync(name);
    return [name, found.mode, found.mtimeMs, found.isFile() ? sha256(fs.readFileSync(name)) : ''].join(' ');
  }).join('\n');
}

function files(folder) {
  const below = fs.readdirSync(folder).map(name => path.join(folder, name))
    .map(name => fs.lstatSync(name).isDirectory() ? files(name) : [name]);
  return [folder].concat(...below);
}

function remove(folder) {
  if (fs.lstatSync(folder).isDirectory()) {
    fs.chmodSync(folder, 0o700);
    for (const name of fs.readdirSync(folder)) remove(path.join(folder, name));
    fs.rmdirSync(folder);
  } else {
    fs.unlinkSync(folder);
  }
}

module.exports = {
  PLATFORM, SECRETS, at, commands, directory, files, finish, launch, pathInJob, script, sha256, snapshot, stage, test, unpackedPath,
};
