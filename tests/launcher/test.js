// Tests task/run.js on the Node.js that runs this file. tests/launcher/run repeats this on each Node.js that agents bring.
'use strict';

const assert = require('assert').strict;
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { brotliCompressSync } = require('zlib');
const {
  PLATFORM, SECRETS, at, commands, directory, files, finish, launch, pathInJob, script, sha256, snapshot, stage, test, unpackedPath,
} = require('./harness.js');

const HELLO = script('echo "hello from $1 $2"');

/** Checks that there is one error and one failed result with the same message. Returns the message. */
function failure(result, code) {
  assert.equal(result.code, code, result.out + result.err);
  assert.equal(result.err, '');
  const [issue, complete, ...more] = commands(result.out);
  assert.deepEqual(more, []);
  assert.deepEqual([issue.name, issue.properties], ['task.logissue', { type: 'error' }]);
  assert.deepEqual([complete.name, complete.properties], ['task.complete', { result: 'Failed' }]);
  assert.equal(complete.data, issue.data);
  return issue.data;
}

function succeeded(result, out) {
  assert.deepEqual(result, { code: 0, signal: null, out, err: '' });
}

// --- running -----------------------------------------------------------------------------------------------------

test('runs the step of the folder and passes its output on', async () => {
  for (const step of ['prepare', 'publish']) {
    succeeded(await launch(stage(step, HELLO), directory('temp')), `hello from task ${step}\n`);
  }
});

test('passes standard error on', async () => {
  const result = await launch(stage('prepare', script('echo oops >&2')), directory('temp'));
  assert.deepEqual(result, { code: 0, signal: null, out: '', err: 'oops\n' });
});

test('leaves environment and working directory as they are', async () => {
  const work = directory('sources');
  const env = { SEEN: at('seen'), EMPTY: '', 'ENDPOINT_URL_a-b': 'http://x/?a=b', UMLAUT: 'Grüße', LINES: 'a\nb' };
  const folder = stage('prepare', script('pwd; tr "\\0" "\\n" </proc/$$/environ >"$SEEN"'));
  succeeded(await launch(folder, directory('temp'), { env, cwd: work }), fs.realpathSync(work) + '\n');
  const expected = Object.assign({ PATH: process.env.PATH, AGENT_TEMPDIRECTORY: at('temp') }, SECRETS, env);
  // The kernel's copy shows what the process was started with, before the shell added its own.
  assert.deepEqual(
    fs.readFileSync(at('seen'), 'utf8').trim().split('\n').sort(),
    Object.keys(expected).map(name => `${name}=${expected[name]}`).join('\n').split('\n').sort());
});

test('works in folders with spaces, quotes and letters of any script', async () => {
  const folder = stage('prepare', HELLO, { folder: 'Größe "π" $HOME 漢字' });
  const temporary = directory("agent's tmp ☂");
  succeeded(await launch(folder, temporary), 'hello from task prepare\n');
});

/** Makes a task folder read-only. Returns the user that its launcher must run as, because nothing is read-only for root. */
function makeReadOnly(folder, temporary) {
  for (const name of files(folder)) fs.chmodSync(name, fs.statSync(name).isDirectory() ? 0o555 : 0o444);
  if (process.geteuid() !== 0) return undefined;
  const nobody = 65534;
  for (const name of files(folder).concat(temporary)) fs.chownSync(name, nobody, nobody);
  fs.chmodSync(at(), 0o755);
  return nobody;
}

test('works when the task folder is read-only and has no execute bit', async () => {
  const folder = stage('prepare', HELLO);
  const temporary = directory('temp');
  const user = makeReadOnly(folder, temporary);
  const before = snapshot(folder);
  succeeded(await launch(folder, temporary, { user }), 'hello from task prepare\n');
  assert.equal(snapshot(folder), before);
  const file = pathInJob(temporary, HELLO);
  for (const name of [path.dirname(path.dirname(file)), path.dirname(file), file]) {
    assert.equal(fs.statSync(name).mode & 0o777, 0o700, name);
  }
  const first = fs.statSync(file);
  succeeded(await launch(folder, temporary, { user }), 'hello from task prepare\n');
  assert.equal(fs.statSync(file).ino, first.ino);
  succeeded(await launch(stage('analyze', HELLO), temporary, { user }), 'hello from task analyze\n');
  // A step of the job can write there, so the launcher must not trust what is there.
  fs.writeFileSync(file, HELLO.replace('hello', 'HELLO'));
  succeeded(await launch(folder, temporary, { user }), 'hello from task prepare\n');
});

test('relays SIGINT and SIGTERM and waits for the binary to end', async () => {
  for (const signal of ['INT', 'TERM']) {
    const gate = at('gate-' + signal);
    execFileSync('mkfifo', [gate]);
    const binary = script(
      `trap 'echo stopping; read line <"${gate}"; echo stopped; kill $!; exit 0' ${signal}`,
      'sleep 300 >/dev/null 2>&1 &', 'echo ready', 'wait');
    let signalled = false;
    let endedBefore;
    const result = await launch(stage('prepare', binary, { folder: signal }), directory('temp'), {
      onOutput(out, child) {
        if (!signalled && out.includes('ready\n')) {
          signalled = true;
          child.kill('SIG' + signal);
        } else if (endedBefore === undefined && out.includes('stopping\n')) {
          endedBefore = child.exitCode !== null || child.signalCode !== null;
          execFileSync('sh', ['-c', 'echo go >"$0"', gate]);
        }
      },
    });
    succeeded(result, 'ready\nstopping\nstopped\n');
    assert.equal(endedBefore, false);
  }
});

// --- unpacking ---------------------------------------------------------------------------------------------------

test('unpacks once per agent, only for the owner, and leaves nothing else behind', async () => {
  const temporary = directory('temp');
  const folder = stage('prepare', HELLO);
  const before = files(folder);
  await launch(folder, temporary);
  const file = unpackedPath(folder, HELLO);
  const made = [path.dirname(path.dirname(file)), path.dirname(file), file];
  assert.deepEqual(files(folder).filter(name => !before.includes(name)), made);
  for (const name of made) assert.equal(fs.statSync(name).mode & 0o777, 0o700, name);
  const note = pathInJob(temporary, HELLO, 'path');
  assert.deepEqual(files(temporary), [temporary, path.dirname(path.dirname(note)), path.dirname(note), note]);
  const first = fs.statSync(file);
  fs.unlinkSync(path.join(folder, 'bin', PLATFORM + '.br'));
  const next = directory('next job');
  succeeded(await launch(folder, next), 'hello from task prepare\n');
  assert.equal(fs.statSync(file).ino, first.ino);
  succeeded(await launch(stage('analyze', HELLO), next), 'hello from task analyze\n');
});

test('SonarPublish unpacks its own binary in a job without SonarPrepare', async () => {
  const folder = stage('publish', HELLO);
  const temporary = directory('temp');
  succeeded(await launch(folder, temporary), 'hello from task publish\n');
  assert.ok(fs.existsSync(unpackedPath(folder, HELLO)));
  assert.deepEqual(files(temporary), [temporary]);
});

test('replaces an unpacked binary that is damaged or altered', async () => {
  const temporary = directory('temp');
  const folder = stage('prepare', HELLO);
  const file = unpackedPath(folder, HELLO);
  const spoil = {
    'half of it': () => fs.truncateSync(file, 10),
    'more of it': () => fs.appendFileSync(file, 'echo more\n'),
    'open to others': () => fs.chmodSync(file, 0o777),
    'no execute bit': () => fs.chmodSync(file, 0o600),
    'a symbolic link': () => {
      fs.renameSync(file, at('elsewhere'));
      fs.symlinkSync(at('elsewhere'), file);
    },
  };
  if (process.geteuid() === 0) {
    spoil["another user's"] = () => {
      fs.writeFileSync(file, HELLO.replace('hello', 'HELLO'));
      fs.chownSync(file, 65534, 65534);
    };
  }
  await launch(folder, temporary);
  for (const how of Object.keys(spoil)) {
    spoil[how]();
    succeeded(await launch(folder, temporary), 'hello from task prepare\n');
    const found = fs.lstatSync(file);
    assert.ok(found.isFile() && (found.mode & 0o777) === 0o700, how);
    assert.equal(sha256(fs.readFileSync(file)), sha256(HELLO), how);
  }
});

test('unpacks into the folder of the job if others can write to the one in the task folder', async () => {
  const folder = stage('prepare', HELLO);
  await launch(folder, directory('temp'));
  const file = unpackedPath(folder, HELLO);
  for (const open of [path.dirname(file), path.dirname(path.dirname(file))]) {
    fs.unlinkSync(file);
    fs.chmodSync(open, 0o777);
    const temporary = directory(path.basename(open));
    succeeded(await launch(folder, temporary), 'hello from task prepare\n');
    assert.ok(!fs.existsSync(file) && fs.existsSync(pathInJob(temporary, HELLO)));
    succeeded(await launch(stage('analyze', HELLO), temporary), 'hello from task analyze\n');
    fs.chmodSync(open, 0o700);
    await launch(folder, temporary);
  }
});

test('a program that was rearranged to pack better runs as it was', async () => {
  if (!Buffer.prototype.readBigUInt64LE) return 'skipped: programs are packed by Node.js 12 and newer';
  const { rearranged } = require('../../scripts/lib/pack-program.js');
  const program = fs.readFileSync('/bin/echo');
  const { content, packing } = rearranged(program, PLATFORM);
  assert.ok(packing.frames && !content.equals(program));
  const change = manifest => {
    manifest.binaries[PLATFORM].packing = packing;
    return manifest;
  };
  const folder = stage('prepare', program, { change, packed: () => brotliCompressSync(content) });
  succeeded(await launch(folder, directory('temp')), 'task prepare\n');
  return undefined;
});

test('two versions in one job keep their own binaries', async () => {
  const temporary = directory('temp');
  const other = script('echo "another version"');
  succeeded(await launch(stage('prepare', HELLO), temporary), 'hello from task prepare\n');
  succeeded(await launch(stage('prepare', other, { folder: 'other' }), temporary), 'another version\n');
  succeeded(await launch(stage('analyze', HELLO), temporary), 'hello from task analyze\n');
});

test('several launchers at the same time use one binary', async () => {
  const temporary = directory('temp');
  const binary = HELLO + '# ' + 'x'.repeat(3000000) + '\n';
  const folder = stage('prepare', binary);
  const results = await Promise.all([1, 2, 3, 4].map(() => launch(folder, temporary)));
  for (const result of results) succeeded(result, 'hello from task prepare\n');
  assert.equal(files(path.join(folder, 'unpacked')).length, 3, files(folder).join('\n'));
  assert.equal(files(temporary).length, 4, files(temporary).join('\n'));
});

test('does not trust a folder that is a link, is open to others or belongs to another user', async () => {
  const folder = stage('prepare', HELLO);
  const where = {
    first: temporary => path.join(temporary, 'sonar-azdo-bin'),
    second: temporary => path.dirname(pathInJob(temporary, HELLO)),
  };
  const spoil = {
    'is not a directory': name => {
      fs.renameSync(name, name + '.moved');
      fs.symlinkSync(name + '.moved', name);
    },
    'can be changed by other users': name => fs.chmodSync(name, 0o770),
  };
  if (process.geteuid() === 0) spoil['belongs to another user'] = name => fs.chownSync(name, 65534, 65534);
  for (const which of Object.keys(where)) {
    for (const why of Object.keys(spoil)) {
      const temporary = directory(`${which} ${why}`);
      await launch(folder, temporary);
      const name = where[which](temporary);
      spoil[why](name);
      for (const step of ['prepare', 'analyze']) {
        const message = failure(await launch(stage(step, HELLO, { folder: step }), temporary), 0);
        assert.ok(message.includes(`${name} ${why}`), message);
      }
    }
  }
  return spoil['belongs to another user'] ? undefined : 'skipped in part: only root can make a folder of another user';
});

// --- failures ----------------------------------------------------------------------------------------------------

test('a binary that exits with an error fails the task, once, with its code', async () => {
  for (const code of [1, 3, 101, 255]) {
    const message = failure(await launch(stage('prepare', script(`exit ${code}`)), directory('temp')), code);
    assert.ok(message.includes(`exit code ${code} `), message);
  }
});

test('a binary that dies by a signal fails the task', async () => {
  for (const signal of ['KILL', 'SEGV', 'ABRT', 'TERM']) {
    const binary = script('echo started', `kill -${signal} $$`);
    const message = failure(await launch(stage('publish', binary), directory('temp')), 1);
    assert.ok(message.includes(`ended by SIG${signal} `), message);
  }
});

test('a line cut off by the death of the binary does not swallow the error', async () => {
  const binary = script("printf '##vso[task.setvariable variable=x;]half'", 'kill -KILL $$');
  const result = await launch(stage('prepare', binary), directory('temp'));
  assert.deepEqual(
    commands(result.out).map(command => command.name), ['task.setvariable', 'task.logissue', 'task.complete']);
  assert.equal(commands(result.out)[0].data, 'half');
});

test('a missing or damaged binary fails the task and names the folder to delete', async () => {
  const flip = content => {
    const archive = brotliCompressSync(content);
    archive[archive.length >> 1] ^= 0x55;
    return archive;
  };
  const other = content => brotliCompressSync(Buffer.from(content.toString().replace('hello', 'HELLO')));
  const cases = {
    missing: { packed: () => undefined },
    empty: { packed: () => Buffer.alloc(0) },
    truncated: { packed: content => brotliCompressSync(content).slice(0, -4) },
    changed: { packed: flip },
    garbage: { packed: () => Buffer.from('not brotli at all') },
    other: { packed: other },
    'of another size': {
      change: manifest => {
        manifest.binaries[PLATFORM].size += 1;
        return manifest;
      },
    },
  };
  for (const how of Object.keys(cases)) {
    const folder = stage('prepare', HELLO, Object.assign({ folder: how }, cases[how]));
    const message = failure(await launch(folder, directory('temp')), 0);
    assert.ok(message.includes(`Delete the folder ${folder}`), message);
    assert.ok(message.includes(`bin/${PLATFORM}.br`), message);
    assert.equal(fs.existsSync(unpackedPath(folder, HELLO)), false);
  }
});

test('a missing or damaged binaries.json fails the task', async () => {
  const folder = stage('prepare', HELLO);
  fs.truncateSync(path.join(folder, 'binaries.json'), 20);
  assert.ok(failure(await launch(folder, directory('temp')), 0).includes(`Delete the folder ${folder}`));
  fs.unlinkSync(path.join(folder, 'binaries.json'));
  assert.ok(failure(await launch(folder, directory('temp')), 0).includes(`Delete the folder ${folder}`));
});

test('a platform without a binary fails the task and lists the others', async () => {
  const change = manifest => {
    manifest.binaries = { 'plan9-mips': manifest.binaries[PLATFORM], 'cpm-z80': manifest.binaries[PLATFORM] };
    return manifest;
  };
  const message = failure(await launch(stage('prepare', HELLO, { change }), directory('temp')), 0);
  assert.ok(message.includes(`no program for ${PLATFORM} (it has: plan9-mips, cpm-z80)`), message);
});

test('no usable temporary directory fails the task', async () => {
  const folder = stage('prepare', HELLO);
  for (const temporary of [undefined, '']) {
    assert.ok(failure(await launch(folder, temporary), 0).includes('AGENT_TEMPDIRECTORY is not set'));
  }
  assert.ok(failure(await launch(folder, at('nowhere')), 0).includes('cannot write to ' + at('nowhere')));
  fs.writeFileSync(at('file'), '');
  assert.ok(failure(await launch(folder, at('file')), 0).includes('ENOTDIR'));
});

test('a binary that cannot be put in place fails the task and leaves nothing behind', async () => {
  const folder = stage('prepare', HELLO);
  const temporary = directory('temp');
  const user = makeReadOnly(folder, temporary);
  const file = pathInJob(temporary, HELLO);
  await launch(folder, temporary, { user });
  fs.unlinkSync(file);
  fs.mkdirSync(file);
  const message = failure(await launch(folder, temporary, { user }), 0);
  assert.ok(message.includes('cannot write to ' + file), message);
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['path', 'sonar-azdo']);
});

test('a binary that cannot be started fails the task', async () => {
  const folder = stage('prepare', '#!/no/such/interpreter\n');
  const message = failure(await launch(folder, directory('temp')), 0);
  assert.ok(message.includes(`cannot start ${unpackedPath(folder, '#!/no/such/interpreter\n')}`), message);
});

test('a Node.js without brotli fails the task and says what to update', async () => {
  fs.writeFileSync(at('old.js'), "delete require('zlib').brotliDecompressSync;\n");
  const env = { NODE_OPTIONS: `--require ${at('old.js')}` };
  const message = failure(await launch(stage('prepare', HELLO), directory('temp'), { env }), 0);
  assert.ok(message.includes('Update the agent'), message);
});

test('SonarAnalyze without SonarPrepare says what to do', async () => {
  const folder = stage('analyze', HELLO);
  const temporary = directory('temp');
  const advice = 'Run SonarPrepare before SonarAnalyze in the same job, and use the same version of both tasks.';
  assert.ok(failure(await launch(folder, temporary), 0).endsWith(advice));
  // Nor does it run a binary of another version.
  const prepare = stage('prepare', HELLO);
  await launch(prepare, temporary);
  const file = unpackedPath(prepare, HELLO);
  fs.writeFileSync(file, HELLO.replace('hello', 'HELLO'));
  assert.ok(failure(await launch(folder, temporary), 0).endsWith(advice));
  fs.writeFileSync(file, HELLO);
  for (const path of [at('elsewhere'), 'sonar-azdo', '', '/dev/zero']) {
    fs.writeFileSync(pathInJob(temporary, HELLO, 'path'), path);
    assert.ok(failure(await launch(folder, temporary), 0).endsWith(advice), path);
  }
  await launch(prepare, temporary);
  succeeded(await launch(folder, temporary), 'hello from task analyze\n');
  const other = directory('another job');
  await launch(stage('prepare', script('echo "another version"'), { folder: 'other' }), other);
  assert.ok(failure(await launch(folder, other), 0).endsWith(advice));
});

test('SonarAnalyze skips if SonarPrepare got no service connection', async () => {
  const fork = { SYSTEM_PULLREQUEST_ISFORK: 'True' };
  const work = directory('sources');
  const exporting = {
    INPUT_EXPORTTO: ' out/sonar ', SYSTEM_DEFAULTWORKINGDIRECTORY: work, BUILD_BUILDID: '12',
    SYSTEM_COLLECTIONURI: 'https://dev.azure.com/Contoso/', SYSTEM_TEAMPROJECTID: 'P1',
  };
  const folder = stage('analyze', HELLO);
  for (const [env, why] of [
    [fork, 'comes from a fork, whose builds get no secrets'],
    [Object.assign({ INPUT_ONMISSINGCONNECTION: 'skip' }, exporting), 'onMissingConnection is skip'],
  ]) {
    const result = await launch(folder, directory('temp'), { env });
    assert.deepEqual([result.code, result.err], [0, '']);
    const [issue, complete, ...more] = commands(result.out);
    assert.deepEqual(more, []);
    assert.deepEqual([issue.name, issue.properties], ['task.logissue', { type: 'warning' }]);
    assert.ok(issue.data.startsWith('Nothing is analysed: ') && issue.data.includes(why), issue.data);
    assert.deepEqual([complete.name, complete.properties], ['task.complete', { result: 'Succeeded' }]);
  }
  // As src/analysis/exported.rs reads it.
  assert.equal(
    fs.readFileSync(path.join(work, 'out', 'sonar', 'sonar-analysis-none.json'), 'utf8'),
    '{"version":1,"build":{"collection":"https://dev.azure.com/contoso","project":"p1","id":"12"},' +
    '"skipped":"SonarPrepare did not run, and onMissingConnection is skip"}');
  for (const env of [{}, { SYSTEM_PULLREQUEST_ISFORK: 'False' }, Object.assign({ INPUT_ONMISSINGCONNECTION: 'fail' }, fork)]) {
    assert.ok(failure(await launch(folder, directory('temp'), { env }), 0).includes('Run SonarPrepare before'));
  }
  // A step that deletes the files of SonarPrepare does not delete its token.
  const token = Object.assign({ SECRET_SONAR_AZDO_TOKEN_12AB: 't0k' }, fork);
  const message = failure(await launch(folder, directory('temp'), { env: token }), 0);
  assert.ok(message.includes('Run SonarPrepare before'), message);
  // If SonarPrepare ran, its program decides.
  const temporary = directory('temp');
  await launch(stage('prepare', HELLO), temporary);
  succeeded(await launch(folder, temporary, { env: fork }), 'hello from task analyze\n');
});

test('text from outside cannot become a command, and arrives whole', async () => {
  const name = 'a;b]c%0Ad%AZP25 100%\r\n##vso[task.complete result=Succeeded;]ok ##[error]no ##VSO[task.debug]x';
  const result = await launch(stage('prepare', HELLO), path.join(at(), name));
  const message = failure(result, 0);
  const broken = name.replace('##vso[', '# #vso[').replace('##[', '# #[').replace('##VSO[', '# #VSO[');
  assert.ok(message.includes(path.join(at(), broken)), message);
  assert.equal(result.out.trim().split('\n').length, 2, result.out);
});

// --- closed output -----------------------------------------------------------------------------------------------

/** Runs the body with the writing end of a pipe without a reader. */
async function withClosedPipe(body) {
  const fifo = at('pipe');
  execFileSync('mkfifo', [fifo]);
  const reader = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const writer = fs.openSync(fifo, 'w');
  fs.closeSync(reader);
  try {
    return await body(writer);
  } finally {
    fs.closeSync(writer);
    fs.unlinkSync(fifo);
  }
}

test('a result that cannot be written ends with a non-zero code and no output', async () => {
  await withClosedPipe(async stdout => {
    const result = await launch(stage('analyze', HELLO), directory('temp'), { stdout });
    assert.deepEqual(result, { code: 1, signal: null, out: '', err: '' });
  });
});

test('ends with the binary when the output is closed', async () => {
  await withClosedPipe(async stdout => {
    const binary = script("trap '' PIPE", 'echo hello 2>/dev/null || exit 9');
    const result = await launch(stage('prepare', binary), directory('temp'), { stdout });
    assert.deepEqual(result, { code: 9, signal: null, out: '', err: '' });
  });
});

finish();
